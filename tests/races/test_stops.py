"""A stop or a suppression against workers: a body that begins after it has committed does not begin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
import zeal
from django.db import connection
from pytest_django import Settings

from mailboxes import clock, switch
from mailboxes.models import Stop, StopScope
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Message, RecipientState, SuppressionReason
from messaging.outbound import outbox
from messaging.recipients import suppressions
from tests import builders, flips
from tests.builders import Tenant
from tests.machine import workers
from tests.races.harness import THREADS, Act, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

MAILS = 6


@pytest.fixture
def alice(settings: Settings, transactional_db: None) -> Iterator[Tenant]:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        outbox.claim_due(limit=100, now=clock.now())  # the verification mail is not what is raced for
        yield alice


@in_rounds
@pytest.mark.parametrize("scope", flips.SCOPES)
def test_no_attempt_is_claimed_and_no_body_begins_after_a_stop(alice: Tenant, scope: StopScope, rounds: int) -> None:
    flip = flips.Flip(alice, scope)
    with family(f"stop of {scope.value}: claim and mark", rounds) as people:
        for _ in range(rounds):
            message = builders.submit(alice, to=_addresses())
            results = people.race([flip.stop, *[_working] * (THREADS - 1)])
            stopped_at = results[0]
            assert isinstance(stopped_at, datetime)
            assert not Attempt.objects.filter(started_at__gt=stopped_at).exists()
            assert not Attempt.objects.filter(data_at__gt=stopped_at).exists()
            assert _begun_after(results[1:], stopped_at) <= {"withdrawn"}
            assert outbox.claim_due(limit=100, now=clock.now()) == []
            flip.resume()
            _drop(message)
            people.winners += 1


@in_rounds
def test_one_of_eight_stops_and_one_of_eight_resumes(alice: Tenant, rounds: int) -> None:
    flip = flips.Flip(alice, StopScope.MAILBOX)
    before = switch.generation()
    with family("stop and resume of one mailbox", rounds) as people:
        for _ in range(rounds):
            assert sum(made is not None for made in people.race([flip.try_stop] * THREADS)) == 1
            assert sum(ended is not None for ended in people.race([flip.try_resume] * THREADS)) == 1
            people.winners += 2
    assert switch.generation() == before + 2 * rounds
    assert Stop.objects.filter(resumed_at__isnull=False).count() == rounds


@in_rounds
def test_stops_of_all_scopes_and_claims_never_wait_in_a_ring(alice: Tenant, rounds: int) -> None:
    """Every kind of flip at once, with workers among them: PostgreSQL would end a ring by an error."""
    every = [flips.Flip(alice, scope) for scope in flips.SCOPES]
    with family("stops of all scopes at once", rounds) as people:
        for _ in range(rounds):
            message = builders.submit(alice, to=_addresses())
            people.race([*(flip.try_stop for flip in every), *[_working] * (THREADS - len(every))])
            people.race([*(flip.try_resume for flip in every), *[_working] * (THREADS - len(every))])
            assert not Stop.objects.filter(resumed_at__isnull=True).exists()
            alice.account.refresh_from_db()
            assert (alice.account.stopped_at, alice.account.stopped_subjects) == (None, None)
            _drop(message)
            people.winners += 1


@in_rounds
def test_no_body_begins_after_its_recipient_was_suppressed(alice: Tenant, rounds: int) -> None:
    with family("suppression: claim and mark", rounds) as people:
        for number in range(rounds):
            address = f"kim{number}@friends.example"
            message = builders.submit(alice, to=(address,))
            results = people.race([_suppressing(alice, address), *[_working] * (THREADS - 1)])
            suppressed_at = results[0]
            assert isinstance(suppressed_at, datetime)
            assert _begun_after(results[1:], suppressed_at) <= {"failed"}
            begun = [answer for result in results[1:] for _, answer in _list(result)]
            assert len(begun) <= 1
            state = message.recipients.get().state
            assert state == (RecipientState.FAILED if begun == ["failed"] else RecipientState.SENDING)
            _drop(message)
            people.winners += 1


def _addresses() -> tuple[str, ...]:
    return tuple(f"kim{number}@friends.example" for number in range(MAILS))


def _suppressing(owner: Tenant, address: str) -> Act:
    def suppress() -> datetime:
        suppressions.add(owner.account, address, reason=SuppressionReason.MANUAL, now=clock.now())
        return clock.now()

    return suppress


def _working() -> list[tuple[datetime, str]]:
    """When a worker looked at each mail of its claim, and what it then did with it."""
    worker, told = workers.Worker(), []
    worker.claim(limit=2, now=clock.now())
    while worker.waiting:
        looked_at, seen = clock.now(), worker.look()
        told.append((looked_at, worker.mark() if seen == "go on" else seen))
    worker.write()
    return told


def _begun_after(results: list[object], moment: datetime) -> set[str]:
    return {answer for result in results for at, answer in _list(result) if at > moment}


def _list(result: object) -> list[tuple[datetime, str]]:
    assert isinstance(result, list)
    return result


def _drop(message: Message) -> None:
    """What is left of the round is of no more interest: nothing of it is due, and no worker holds it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_recipient SET state = 'cancelled', next_at = NULL WHERE message_id = %s", [message.pk]
        )
