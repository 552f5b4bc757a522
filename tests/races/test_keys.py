"""Keys under many hands at once: one successor, nothing made after a revocation, no mail both held and attempted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zeal
from pytest_django import Settings

from mailboxes import clock, keys, minting
from mailboxes.errors import Conflict, Problem
from mailboxes.minting import NewKey
from mailboxes.models import ApiKey, Event
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Message, Status
from messaging.outbound import outbox
from oversight import revoked_keys, submission
from oversight.models import Review, ReviewState
from tests import builders
from tests.builders import Tenant
from tests.races.harness import THREADS, family, in_rounds

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
def test_a_key_that_all_rotate_at_once_has_one_successor(alice: Tenant, rounds: int) -> None:
    with family("key: rotate", rounds) as people:
        for _ in range(rounds):
            key, _ = keys.create_agent_key(alice.agent, now=clock.now())
            results = people.race(
                [lambda pk=key.pk: minting.rotate(alice.agent_actor, str(pk), now=clock.now())] * THREADS  # type: ignore[misc]  # a lambda with a default
            )
            losers = [result for result in results if isinstance(result, Conflict)]
            assert [loser.code for loser in losers] == ["already_rotated"] * (THREADS - 1)
            assert ApiKey.objects.filter(rotated_from=key).count() == 1
            people.winners += 1


@in_rounds
def test_no_key_is_made_by_one_that_is_revoked_already(alice: Tenant, rounds: int) -> None:
    with family("key: revoke and mint", rounds) as people:
        for _ in range(rounds):
            key, text = keys.create_agent_key(alice.agent, now=clock.now())
            actor = keys.authenticate(text, now=clock.now())

            def mint(actor: object = actor) -> object:
                return minting.mint(actor, alice.agent, asked=NewKey(), now=clock.now())  # type: ignore[arg-type]  # it is one

            def revoke(key: ApiKey = key) -> None:
                keys.revoke_now(key, by="test", now=clock.now())

            results = people.race([revoke, *[mint] * (THREADS - 1)])
            made = [str(result[0].pk) for result in results if isinstance(result, tuple)]
            refused = [result for result in results if isinstance(result, Problem)]
            assert {one.code for one in refused} <= {"revoked_key"}
            ended = Event.objects.get(kind="key.revoked", subject=str(key.pk)).seq
            born = Event.objects.filter(kind="key.created", subject__in=made).values_list("seq", flat=True)
            assert len(born) + len(refused) == THREADS - 1
            assert all(seq < ended for seq in born)
            people.winners += 1


@in_rounds
def test_mail_of_a_revoked_key_is_held_or_attempted_and_never_both(alice: Tenant, rounds: int) -> None:
    with family("key: revoke, settle and claim", rounds) as people:
        for _ in range(rounds):
            key, text = keys.create_agent_key(alice.agent, now=clock.now())
            actor = keys.authenticate(text, now=clock.now())
            mails = [
                submission.submit(builders.draft(alice.mailbox), actor=actor, now=clock.now()) for _ in range(MAILS)
            ]

            def revoke(key: ApiKey = key) -> object:
                keys.revoke_now(key, by="test", now=clock.now())
                return revoked_keys.settle(now=clock.now())

            def settle() -> object:
                return revoked_keys.settle(now=clock.now())

            def claim() -> object:
                return outbox.claim_due(limit=2, now=clock.now())

            people.race([revoke, settle, settle, *[claim] * (THREADS - 3)])
            revoked_keys.settle(now=clock.now())
            for mail in Message.objects.filter(pk__in=[mail.pk for mail in mails]):
                is_begun = Attempt.objects.filter(recipient__message=mail).exists()
                reviews = Review.objects.filter(message=mail, state=ReviewState.OPEN).count()
                assert (mail.status, reviews) == ((Status.SENDING, 0) if is_begun else (Status.HELD, 1))
            people.winners += 1
