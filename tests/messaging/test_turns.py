"""Whose mail is claimed next (A55): a neighbour's burst makes nobody wait for more than a claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from mailboxes import clock, stops
from mailboxes.epoch import DatabaseIsOlder
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Recipient
from messaging.outbound import delivery, dispatch, door, outbox, turns
from messaging.outbound.mail import Mail
from messaging.outbound.outcomes import Outcome
from messaging.outbound.turns import Turns
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Sink
from tests.messaging.outbound import relay as relay

pytestmark = pytest.mark.django_db


def sender(name: str, count: int) -> Tenant:
    """A tenant with so many due mails."""
    tenant = builders.tenant(name, mode=OversightMode.AUTONOMOUS)
    for _ in range(count):
        builders.submit(tenant)
    return tenant


def claimed(limit: int, position: Turns | None = None) -> list[str]:
    """A claim, as the names of the accounts in the order in which their mail is attempted."""
    attempts = outbox.claim_due(limit=limit, now=clock.now(), turns=position)
    return [one.recipient.message.account.slug.partition("-")[0] for one in told(attempts)]


def told(attempts: list[Attempt]) -> Iterator[Attempt]:
    known = Attempt.objects.select_related("recipient__message__account").in_bulk([one.pk for one in attempts])
    return (known[one.pk] for one in attempts)


@pytest.fixture
def noisy() -> Tenant:
    return sender("noisy", 12)


def test_who_comes_after_a_burst_leaves_with_the_next_claim(noisy: Tenant) -> None:
    sender("quiet", 1)
    first = claimed(4)
    assert Counter(first) == {"noisy": 2, "quiet": 1}
    assert "quiet" in first[:2], "a first one of each, before anybody's second"


def test_alone_an_account_has_the_whole_claim(noisy: Tenant) -> None:
    position = Turns()
    assert claimed(5, position) == ["noisy"] * 5
    assert position.is_more
    assert claimed(10, position) == ["noisy"] * 7
    assert not position.is_more


@pytest.mark.parametrize("after", [0, 2**127, 2**128 - 1])
def test_the_round_goes_once_around_wherever_it_begins(after: int) -> None:
    for name in ("one", "two", "three"):
        sender(name, 1)
    position = Turns(after=UUID(int=after))
    assert sorted(claimed(10, position)) == ["one", "three", "two"]
    assert claimed(10, position) == []
    assert not position.is_more


def test_each_has_a_turn_when_more_wait_than_a_claim_has_room_for() -> None:
    names = ["one", "two", "three", "four", "five"]
    for name in names:
        sender(name, 3)
    position = Turns()
    rounds = [claimed(2, position) for _ in range(5)]
    assert Counter(name for claim in rounds for name in claim) == dict.fromkeys(names, 2)
    assert position.is_more


def test_whoever_may_not_send_takes_no_share(noisy: Tenant) -> None:
    stopped, later = sender("stopped", 2), sender("later", 1)
    stops.stop(stopped.owner, reason="test", now=clock.now())
    Recipient.objects.filter(message__account=later.account).update(next_at=clock.now() + timedelta(hours=1))
    assert claimed(6) == ["noisy"] * 6


def test_what_the_database_refuses_is_set_aside_in_its_own_turn() -> None:
    """With room for one mail of one account: else each claim would skip it, and it would never be told."""
    bad = builders.tenant("bad", mode=OversightMode.GATED_ALL)
    behind = builders.submit(bad)
    behind.recipients.update(next_at=behind.created_at)
    type(behind).objects.filter(pk=behind.pk).update(status="queued")
    sender("good", 1)
    position = Turns()
    assert sorted(claimed(1, position) + claimed(1, position)) == ["good"]
    assert behind.recipients.get().code == "attempt_refused"


def test_a_claim_goes_from_line_to_line_and_sorts_no_mail(noisy: Tenant) -> None:
    sender("quiet", 1)
    with connection.cursor() as cursor:
        cursor.execute(turns.NO_SORT)
        # Of few rows the planner may think what it likes; here it is asked what there is for many.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        named: dict[str, Any] = {"now": clock.now(), "limit": 50, "after": turns.NOBODY, "but": []}
        cursor.execute(f"EXPLAIN (COSTS OFF) {turns.DUE}", named)
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert plan.count("using recipient_line on") == 3, plan
    assert "recipient_due" not in plan
    assert "Sort" not in plan
    assert "Seq Scan on messaging_recipient" not in plan


def test_who_comes_while_a_batch_is_on_its_way_is_let_in(
    noisy: Tenant, relay: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claimed and sent between two mails of the batch, by the same thread; the batch then goes on."""
    monkeypatch.setattr(door, "OPENS_EVERY", 0.0)
    quiet = builders.tenant("quiet", mode=OversightMode.AUTONOMOUS)
    attempt = delivery.attempt
    came: list[str] = []

    def then_somebody_comes(mail: Mail, **named: Any) -> Outcome:
        outcome = attempt(mail, **named)
        if not came:
            came.append(builders.submit(quiet).message_id)
        return outcome

    monkeypatch.setattr(delivery, "attempt", then_somebody_comes)
    assert dispatch.drain() == 13
    order = [mail.message_id for mail in relay.taken]
    assert order.index(came[0]) == 1
    assert set(relay.copies().values()) == {1}


def test_a_look_for_others_that_fails_costs_the_batch_nothing(
    noisy: Tenant, relay: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when sending is halted, or another release's database is met, in the middle of a batch."""
    monkeypatch.setattr(door, "OPENS_EVERY", 0.0)
    monkeypatch.setattr(door, "SHUT_FOR", 600.0)
    looks: list[int] = []

    def halted(*_: object, **__: object) -> bool:
        looks.append(1)
        raise DatabaseIsOlder("Sending is halted.")

    monkeypatch.setattr(Turns, "is_anybody_waiting", halted)
    assert dispatch.drain() == 12
    assert looks == [1], "it was asked again at once"
    assert set(Recipient.objects.filter(message__account=noisy.account).values_list("state", flat=True)) == {"sent"}


def test_a_drain_sends_all_of_both(noisy: Tenant, relay: Sink) -> None:
    sender("quiet", 1)
    dispatch.drain()
    assert sum(relay.copies().values()) == 13
