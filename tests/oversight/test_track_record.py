"""What a mailbox has done with its trust: counted anew from decisions and sends, its own and of its present mode."""

from __future__ import annotations

import pytest

from mailboxes import clock as platform_clock
from mailboxes import mailbox
from mailboxes.modes import OversightMode
from messaging.models import RecipientState
from oversight import decisions, submission, track_record
from oversight.edits import Changes
from oversight.models import Review
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock
from tests.outcomes import came_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def numbers(owner: Tenant) -> track_record.Numbers:
    return track_record.of([owner.mailbox.pk], now=platform_clock.now())[owner.mailbox.pk].numbers


def approve(owner: Tenant, review: Review) -> None:
    decisions.approve(review, reviewer=builders.reviewer(owner.owner), version=None, now=platform_clock.now())


def test_each_review_counts_once_by_how_it_ended(alice: Tenant) -> None:
    reviewer, now = builders.reviewer(alice.owner), platform_clock.now()
    clean, edited, returned, rejected, cancelled, _ = (builders.held(alice, subject=f"No. {n}") for n in range(6))
    approve(alice, clean)
    decisions.edit(edited, reviewer=reviewer, version=1, changes=Changes(subject="Better"), now=now)
    approve(alice, edited)
    decisions.request_changes(returned, reviewer=reviewer, version=1, instructions="Shorter.", now=now)
    decisions.reject(rejected, reviewer=reviewer, version=1, reason="tone", now=now)
    submission.cancel(alice.agent_actor, alice.mailbox.pk, cancelled.message_id, now=now)
    found = numbers(alice)
    assert (found.clean, found.edited, found.returned, found.rejected, found.expired) == (1, 1, 1, 1, 0)
    assert (found.decided, found.changed, found.decided_days) == (4, 2, 1)
    assert found.median_seconds is not None
    assert 0 <= found.median_seconds < 600


def test_what_other_mailboxes_rules_and_earlier_modes_saw_does_not_speak_for_it(alice: Tenant) -> None:
    other = builders.tenant("bob")
    approve(other, builders.held(other))
    builders.rules(alice, builders.rule("promises", "hold", {"kind": "words", "words": ["guarantee"]}, risk="medium"))
    approve(alice, builders.held(alice, subject="We guarantee it"))
    assert numbers(alice).clean == 0, "a rule held it: it says nothing of what would leave at a freer rung"
    approve(alice, builders.held(alice))
    assert numbers(alice).clean == 1
    for mode in (OversightMode.MONITORED, OversightMode.GATED_SEND):
        mailbox.set_mode(alice.mailbox, mode, by="test", now=platform_clock.now())
    assert numbers(alice) == track_record.Numbers()


def test_a_rejection_counts_whatever_held_the_mail(alice: Tenant) -> None:
    builders.rules(alice, builders.rule("promises", "hold", {"kind": "words", "words": ["guarantee"]}))
    mailbox.set_mode(alice.mailbox, OversightMode.AUTONOMOUS, by="test", now=platform_clock.now())
    review = builders.held(alice, subject="We guarantee it")
    decisions.reject(
        review, reviewer=builders.reviewer(alice.owner), version=1, reason="tone", now=platform_clock.now()
    )
    assert (numbers(alice).rejected, numbers(alice).clean) == (1, 0)


def test_sends_count_by_what_became_of_each_copy() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    everybody = tuple(f"{name}@friends.example" for name in ("kim", "lee", "max", "noa", "oli"))
    states = [
        RecipientState.SENT,
        RecipientState.DELIVERED,
        RecipientState.BOUNCED,
        RecipientState.COMPLAINED,
        RecipientState.FAILED,
    ]
    came_to(builders.submit(alice, to=everybody), states)
    found = numbers(alice)
    assert (found.sent, found.bounced, found.complained, found.sent_days) == (4, 1, 1, 1)


def test_what_is_long_ago_and_what_is_beyond_the_newest_counts_no_more(alice: Tenant, clock: Clock) -> None:
    clock.set(platform_clock.now())
    approve(alice, builders.held(alice, subject="Old"))
    clock.advance(days=20)
    for number in range(3):
        approve(alice, builders.held(alice, subject=f"New {number}"))
    assert numbers(alice).clean == 4
    cut = track_record.of([alice.mailbox.pk], now=platform_clock.now(), most=2)[alice.mailbox.pk]
    assert cut.numbers.clean == 2
    clock.advance(days=11)
    assert (numbers(alice).clean, numbers(alice).decided_days) == (3, 1)
