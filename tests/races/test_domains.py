"""Domains that several want at once."""

from __future__ import annotations

from functools import partial

import pytest

from mailboxes import clock, dns_records, domain_state, domains, mailbox
from mailboxes.models import Account, Domain, DomainStatus, Mailbox
from mailboxes.record_checks import Found, RecordCheck, judge
from tests import builders
from tests.domain_zone import add
from tests.races.harness import THREADS, Act, family, in_rounds, refusals, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def all_right(domain: Domain) -> list[RecordCheck]:
    """What a look finds when everything stands there."""
    records = dns_records.of(domain)
    found = {
        (one.host, one.type): Found((one.value if one.priority is None else f"{one.priority} {one.value}",))
        for one in records.all()
    }
    return judge(records, found)


@in_rounds
def test_one_of_eight_accounts_that_prove_a_domain_at_once_has_it(rounds: int) -> None:
    tenants = [builders.tenant() for _ in range(THREADS)]
    with family("domain: prove", rounds) as people:
        for number in range(rounds):
            name = f"shop{number}.example"
            rivals = [add(one.account, name) for one in tenants]
            acts: list[Act] = [partial(domain_state.apply, one, all_right(one), now=clock.now()) for one in rivals]
            assert len(winners(people.race(acts))) == THREADS
            states = sorted(Domain.objects.filter(name=name).values_list("status", flat=True))
            assert states == [DomainStatus.DNS_VERIFIED] * (THREADS - 1) + [DomainStatus.VERIFIED]
            people.winners += 1


@in_rounds
def test_a_domain_is_added_once_and_never_deleted_under_a_mailbox(rounds: int) -> None:
    alice = builders.tenant()
    builders.limit(alice.account, "mailboxes", 0)
    with family("domain: delete", rounds) as people:
        for number in range(rounds):
            name = f"shop{number}.example"
            domain = add(alice.account, name)
            domain = domain_state.apply(domain, all_right(domain), now=clock.now())
            people.race([*_makings(alice.account, domain), *_deletions(domain), *_additions(alice.account, name)])
            living = Mailbox.objects.filter(domain=domain, deleted_at__isnull=True).exists()
            kept = Domain.objects.filter(pk=domain.pk, deleted_at__isnull=True).exists()
            assert living <= kept, "a mailbox without a domain"
            assert Domain.objects.filter(name=name, deleted_at__isnull=True).count() <= 1
            people.winners += 1


@in_rounds
def test_exactly_one_of_eight_adds_a_domain(rounds: int) -> None:
    alice = builders.tenant()
    builders.limit(alice.account, "domains", 0)
    with family("domain: add", rounds) as people:
        for number in range(rounds):
            acts = _additions(alice.account, f"shop{number}.example", count=THREADS)
            results = people.race(acts)
            assert (len(winners(results)), refusals(results)) == (1, {"domain_taken"})
            people.winners += 1


def _makings(account: Account, domain: Domain) -> list[Act]:
    names = ("a", "b", "c")
    return [partial(mailbox.create, account, mailbox.NewMailbox(name, domain), now=clock.now()) for name in names]


def _deletions(domain: Domain) -> list[Act]:
    return [partial(domains.delete, domain, by="test", now=clock.now())] * 3


def _additions(account: Account, name: str, *, count: int = 2) -> list[Act]:
    return [partial(domains.add, account, name, now=clock.now())] * count
