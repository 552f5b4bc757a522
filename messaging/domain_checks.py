"""Looks at the DNS of domains: on request, and by schedule. All questions at the same time, never in a transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
import structlog
from django.db import transaction

from mailboxes import dns_records, domain_state
from mailboxes.dns_records import DnsRecord
from mailboxes.errors import NotFound
from mailboxes.models import Domain
from mailboxes.record_checks import Found, RecordCheck, judge
from messaging import shutdown
from messaging.inbound import dns_lookups

log = structlog.get_logger(__name__)

# For everything that is asked, however many domains it is about.
BUDGET_SECONDS = 5.0
BATCH = 20
BUSY_FOR = 20.0
# Somebody else writes these: no more of them is read than anybody needs.
MAX_VALUES = 50
MAX_LENGTH = 2000
# What fits into a datagram everywhere (RFC 9715); longer answers come by TCP.
DATAGRAM = 1232

Question = tuple[str, str]


def check(domain: Domain, *, now: datetime) -> Domain:
    """The domain after a look at its DNS, 5 s at most; as it stood, while somebody else is looking."""
    looked = look_if_free(domain, now=now)
    return domain if looked is None else domain_state.apply(domain, looked, now=now)


def look_if_free(domain: Domain, *, now: datetime) -> list[RecordCheck] | None:
    """What stands in the DNS, to be applied by the caller; None while somebody else is looking.

    So whoever asks again and again, about name servers that never answer, has one thread of ours at the most.
    """
    if not domain_state.claim(domain, now=now):
        return None
    (looked,) = look([domain])
    return looked


def sweep(*, now: datetime, busy_for: float = BUSY_FOR) -> int:
    """Look at the domains whose time has come, twenty at once; how many it were."""
    until, count = time.monotonic() + busy_for, 0
    while not dns_lookups.is_off() and not shutdown.is_asked() and time.monotonic() < until:
        claimed = _claim_due(now=now)
        if not claimed:
            break
        for domain, checks in zip(claimed, look(claimed), strict=True):
            _apply(domain, checks, now=now)
        count += len(claimed)
    return count


def look(domains: Sequence[Domain]) -> list[list[RecordCheck]]:
    """What stands in the DNS beside what must stand there, of each domain. Changes nothing."""
    wanted = [dns_records.of(domain) for domain in domains]
    questions = {_question(record) for records in wanted for record in records.all()}
    found = {} if dns_lookups.is_off() else asyncio.run(_ask_all(questions))
    return [judge(records, found) for records in wanted]


def _claim_due(*, now: datetime) -> list[Domain]:
    with transaction.atomic():
        free = Domain.objects.select_for_update(of=("self",), skip_locked=True)
        due = free.filter(check_due_at__lte=now, deleted_at__isnull=True, account__departed_at__isnull=True)
        rows = list(due.order_by("check_due_at").prefetch_related("dkim_keys")[:BATCH])
        # Put off as well, so that a domain whose look fails is not the first in line for ever.
        put_off = now + domain_state.WAITING_EVERY
        ids = [row.pk for row in rows]
        Domain.objects.filter(pk__in=ids).update(claimed_until=now + domain_state.CLAIMED_FOR, check_due_at=put_off)
    return rows


def _apply(domain: Domain, checks: Sequence[RecordCheck], *, now: datetime) -> None:
    try:
        domain_state.apply(domain, checks, now=now)
    except NotFound:
        pass  # deleted while we looked
    except Exception:  # a defect about one domain must not keep the others from being looked at
        log.exception("domains.not_applied", domain=domain.name)


def _question(record: DnsRecord) -> Question:
    return record.host, record.type


async def _ask_all(questions: Collection[Question]) -> dict[Question, Found]:
    resolver = dns_lookups.resolver(dns.asyncresolver.Resolver)
    resolver.use_edns(0, 0, DATAGRAM)
    answers = await asyncio.gather(*(_ask(resolver, *question) for question in questions))
    return dict(zip(questions, answers, strict=True))


async def _ask(resolver: dns.asyncresolver.Resolver, host: str, kind: str) -> Found:
    try:
        # The lifetime does not bind what comes after the last answer began; the timeout does.
        async with asyncio.timeout(BUDGET_SECONDS):
            answer = await resolver.resolve(host, kind, lifetime=BUDGET_SECONDS, search=False, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return Found(())
    except (dns.exception.DNSException, OSError, TimeoutError, UnicodeError, ValueError):
        return Found(None)
    is_alias = answer.canonical_name != dns.name.from_text(host)
    return Found(tuple(_values(answer, kind))[:MAX_VALUES], is_alias=is_alias)


def _values(answer: Iterable[Any], kind: str) -> Iterable[str]:
    for record in answer:
        if kind == "MX":
            yield f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
        else:
            yield _plain(b"".join(record.strings)[:MAX_LENGTH])


def _plain(octets: bytes) -> str:
    """As text that can be shown: nothing that is not printable ASCII."""
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "\ufffd" for octet in octets)
