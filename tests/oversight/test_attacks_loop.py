"""A24: two agents that answer each other for ever come before a person, whatever the mode of their mailboxes."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from mailboxes import clock as platform_clock
from mailboxes.modes import OversightMode
from messaging.models import Message, Revision, Status
from oversight import decisions, review_notices
from oversight.models import Review
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.letters import letter
from tests.postman import mails_to

pytestmark = pytest.mark.django_db

MOST = 3


@pytest.fixture(autouse=True)
def _few(settings: Settings) -> None:
    settings.THREAD_SENDS_PER_HOUR = MOST
    settings.NOTICE_DELAY_SECONDS = 0


def autonomous(name: str) -> Tenant:
    return builders.tenant(name, mode=OversightMode.AUTONOMOUS)


def answer(owner: Tenant, mail: Message) -> Message:
    return builders.submit(owner, to=(mail.from_address,), in_reply_to=mail.message_id)


def test_a_loop_of_two_agents_ends_before_a_person_who_is_told() -> None:
    """A24."""
    ann, bert = autonomous("ann"), autonomous("bert")
    last = builders.submit(ann, to=(bert.mailbox.full_address,))
    turns = 0
    while last.status == Status.QUEUED:
        turns += 1
        assert turns <= 2 * MOST + 2, "they talk for ever"
        speaker, listener = (ann, bert) if last.account_id == ann.account.pk else (bert, ann)
        assert speaker.account.pk == last.account_id
        heard = arrive(
            listener.mailbox, bytes(Revision.objects.get(message=last).raw), sender=speaker.mailbox.full_address
        )
        last = answer(listener, heard)
    assert (last.status, last.reason_code) == (Status.HELD, "thread_breaker")
    stopped = ann if last.account_id == ann.account.pk else bert
    review_notices.send_due(now=platform_clock.now())
    assert mails_to(stopped.owner.user.email, subject__contains="wait").exists()


def test_what_is_held_lets_nothing_more_of_the_conversation_leave_and_others_go_on(clock: Clock) -> None:
    """A24: the breaker is of one conversation, and of an hour."""
    ann = autonomous("ann")
    mail, other = (arrive(ann.mailbox, letter(subject=subject)) for subject in ("Ping", "Order"))
    assert [answer(ann, mail).status for _ in range(MOST)] == [Status.QUEUED] * MOST
    assert [answer(ann, mail).status for _ in range(2)] == [Status.HELD] * 2
    assert answer(ann, other).status == Status.QUEUED
    assert builders.submit(ann).status == Status.QUEUED
    clock.advance(seconds=3601)
    assert answer(ann, mail).status == Status.QUEUED


def test_what_a_person_approves_of_it_leaves() -> None:
    """A24: the breaker has done its part once a person has looked."""
    ann = autonomous("ann")
    mail = arrive(ann.mailbox, letter(subject="Ping"))
    for _ in range(MOST):
        answer(ann, mail)
    held = answer(ann, mail)
    review = Review.objects.get(message=held)
    decisions.approve(review, reviewer=builders.reviewer(ann.owner), version=None, now=platform_clock.now())
    builders.release()
    review.refresh_from_db()
    assert (review.state, Message.objects.get(pk=held.pk).status) == ("approved", Status.QUEUED)


def test_no_rule_of_the_account_lifts_it_and_the_operator_may(settings: Settings) -> None:
    """A24."""
    ann = autonomous("ann")
    builders.rules(ann, builders.rule("anything", "allow"))
    mail = arrive(ann.mailbox, letter(subject="Ping"))
    assert [answer(ann, mail).status for _ in range(MOST + 1)][-1] == Status.HELD
    settings.THREAD_SENDS_PER_HOUR = 0
    assert answer(ann, mail).status == Status.QUEUED
