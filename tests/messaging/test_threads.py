"""Which conversation a received mail joins (contracts/robotomail.md section 6 "Ours"; A41, I31)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from mailboxes.modes import OversightMode
from messaging.models import Message, Thread
from tests import builders
from tests.arrivals import arrive
from tests.letters import letter

pytestmark = pytest.mark.django_db


def sent_by(owner: builders.Tenant, **fields: Any) -> Message:
    return builders.submit(owner, **fields)


@pytest.fixture
def alice() -> builders.Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


@pytest.mark.parametrize("header", ["In-Reply-To: {}", "References: <older@x.example> {}"])
def test_a_reply_joins_the_thread_that_it_names(alice: builders.Tenant, header: str) -> None:
    question = sent_by(alice, subject="Lunch")
    reply = arrive(alice.mailbox, letter(header.format(question.message_id), subject="Something else"))
    assert reply.thread == question.thread
    assert not reply.sender_new_to_thread


def test_the_thread_counts_what_is_visible_when_a_reply_joins(alice: builders.Tenant) -> None:
    question = sent_by(alice, subject="Lunch")
    assert question.thread is not None
    question.thread.refresh_from_db()
    before = question.thread.message_count
    arrive(alice.mailbox, letter(f"In-Reply-To: {question.message_id}", sender="lee@friends.example"))
    thread = Thread.objects.get(pk=question.thread.pk)
    assert thread.message_count == before + 1
    assert "lee@friends.example" in thread.participants


def test_an_outsider_who_names_a_message_joins_and_is_flagged(alice: builders.Tenant) -> None:
    question = sent_by(alice)
    reply = arrive(alice.mailbox, letter(f"In-Reply-To: {question.message_id}", sender="mallory@evil.example"))
    assert reply.thread == question.thread
    assert reply.sender_new_to_thread


def test_a_mail_without_references_joins_when_its_sender_takes_part(alice: builders.Tenant) -> None:
    first = arrive(alice.mailbox, letter(subject="Lunch"))
    assert arrive(alice.mailbox, letter(subject="Re: Lunch")).thread == first.thread


def test_a_stranger_with_the_same_subject_starts_a_thread_of_their_own(alice: builders.Tenant) -> None:
    first = arrive(alice.mailbox, letter(subject="Lunch"))
    assert arrive(alice.mailbox, letter(subject="Lunch", sender="mallory@evil.example")).thread != first.thread


def test_a_subject_does_not_join_when_the_mail_names_another_conversation(alice: builders.Tenant) -> None:
    first = arrive(alice.mailbox, letter(subject="Lunch"))
    other = arrive(alice.mailbox, letter("In-Reply-To: <unknown@x.example>", subject="Re: Lunch"))
    assert other.thread != first.thread


def test_an_old_subject_does_not_join(alice: builders.Tenant) -> None:
    first = arrive(alice.mailbox, letter(subject="Lunch"))
    assert first.thread is not None
    Thread.objects.filter(pk=first.thread.pk).update(last_message_at=F("last_message_at") - timedelta(days=31))
    assert arrive(alice.mailbox, letter(subject="Lunch")).thread != first.thread


def test_mail_without_a_subject_does_not_join_by_it(alice: builders.Tenant) -> None:
    first = arrive(alice.mailbox, letter(subject=""))
    assert arrive(alice.mailbox, letter(subject="Re:")).thread != first.thread


def test_nobody_joins_by_subject_under_the_mailboxs_own_name(alice: builders.Tenant) -> None:
    first = arrive(alice.mailbox, letter(subject="Lunch"))
    forged = arrive(alice.mailbox, letter(subject="Lunch", sender=alice.mailbox.full_address))
    assert forged.thread != first.thread


def test_threads_never_join_across_mailboxes(alice: builders.Tenant) -> None:
    bob = builders.tenant("bob")
    question = sent_by(alice, subject="Lunch")
    stray = arrive(bob.mailbox, letter(f"In-Reply-To: {question.message_id}", subject="Re: Lunch"))
    assert stray.thread != question.thread
    assert stray.thread is not None
    assert stray.thread.mailbox == bob.mailbox


def test_the_nearest_reference_decides_when_several_are_known(alice: builders.Tenant) -> None:
    far, near = (arrive(alice.mailbox, letter(subject=subject)) for subject in ("Far", "Near"))
    reply = arrive(alice.mailbox, letter(f"References: {far.message_id} {near.message_id}", subject="Which?"))
    assert reply.thread == near.thread


def test_the_first_bearer_of_a_message_id_is_the_one_that_is_answered(alice: builders.Tenant) -> None:
    question = sent_by(alice, subject="Lunch")
    imposter = arrive(
        alice.mailbox, letter(subject="Other", sender="mallory@evil.example", message_id=question.message_id)
    )
    assert imposter.thread != question.thread
    reply = arrive(alice.mailbox, letter(f"In-Reply-To: {question.message_id}"))
    assert reply.thread == question.thread


@pytest.mark.parametrize(
    "header",
    [
        "References: " + " ".join(f"<{n}@x.example>" for n in range(10_000)),
        "In-Reply-To: <[[[@x>",
        "References: <" + "a" * 5000 + "@x.example>",
        "In-Reply-To: not an id at all",
    ],
)
def test_hostile_references_start_a_thread(alice: builders.Tenant, header: str) -> None:
    message = arrive(alice.mailbox, letter(header, subject="Hi"))
    assert message.thread is not None
    assert message.thread.message_count == 1


def test_a_held_question_is_joined_by_nothing_that_came_by_subject() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_SEND)
    held = builders.held(alice, subject="Lunch").message
    assert arrive(alice.mailbox, letter(subject="Lunch", sender="mallory@evil.example")).thread != held.thread
