"""A domain of a tenant's own, and the zone that its owner would publish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import zeal
from django.test import override_settings

from mailboxes import clock, dns_records, domains
from mailboxes.models import Account, Domain
from messaging import domain_checks
from tests import builders
from tests.fakes.dns import name_server

Zone = dict[tuple[str, str], list[str]]


def add(account: Account, name: str = "shop.example", *, now: datetime | None = None) -> Domain:
    """A domain of the account, whose plan has as many as it likes."""
    builders.limit(account, "domains", 0)
    return domains.add(account, name, now=now or clock.now())


def zone_of(domain: Domain) -> Zone:
    """Everything that is asked for, published."""
    zone: Zone = {}
    for record in dns_records.of(Domain.objects.get(pk=domain.pk)).all():
        value = record.value if record.priority is None else f"{record.priority} {record.value}"
        zone.setdefault((record.host, record.type), []).append(value)
    return zone


@contextmanager
def serving(zone: Zone) -> Iterator[None]:
    """A name server that has this zone is the one that we ask. The zone may be changed meanwhile."""
    with name_server(zone, quiet=True) as server, override_settings(DNS_RESOLVERS=[server]):
        yield


def check(domain: Domain, *, now: datetime | None = None) -> Domain:
    """The domain after a look at its DNS."""
    with zeal.zeal_ignore():  # each look is one of its own
        return domain_checks.check(Domain.objects.get(pk=domain.pk), now=now or clock.now())


def verified(account: Account, name: str = "shop.example") -> Domain:
    """A domain that was verified by a look at a real name server."""
    domain = add(account, name)
    with serving(zone_of(domain)):
        return check(domain)
