"""Received mail of a gated_all mailbox: held, shown after an approval, never shown otherwise."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.db import IntegrityError, transaction

from mailboxes import clock, mailbox
from mailboxes.errors import Conflict
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.lifecycle import Reason
from messaging.models import Message, RawMessage, Status
from oversight import admission
from oversight.models import Decision, DecisionKind, Door, Review, ReviewState
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.letters import letter

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.GATED_ALL)


def approved(message: Message, person: Tenant, *, seal: str | None = None) -> Review:
    """The review as an approval leaves it, before the message is shown."""
    review = Review.objects.get(message=message)
    Decision.objects.create(
        review=review, version=1, kind=DecisionKind.APPROVE, seal=seal or admission.seal_of(message),
        member=person.owner, door=Door.CONSOLE, decided_at=clock.now(),
    )  # fmt: skip
    review.state, review.version, review.decided_at, review.decided_by = ReviewState.APPROVED, 2, clock.now(), "Alice"
    review.save()
    return review


def kinds(message: Message) -> list[str]:
    return list(Event.objects.filter(subject=str(message.pk)).order_by("seq").values_list("kind", flat=True))


def test_received_mail_waits_for_a_human_when_the_mailbox_holds_what_arrives(alice: Tenant) -> None:
    message = arrive(alice.mailbox)
    review = Review.objects.get(message=message)
    assert (message.status, message.reason_code, message.released_at) == (Status.HELD, "gated_all", None)
    assert (review.state, review.reason_code, review.mailbox) == (ReviewState.OPEN, "gated_all", alice.mailbox)
    assert kinds(message) == ["message.held"]
    told = Event.objects.filter(subject__in=[str(message.pk), str(review.pk)]).values_list("data", flat=True)
    assert [json.loads(data)["hidden"] for data in told] == [True, True]
    assert message.thread is not None
    assert (message.thread.message_count, message.thread.participants) == (0, [])


def test_an_approved_mail_is_shown_counted_and_told_of(alice: Tenant) -> None:
    message = arrive(alice.mailbox, letter(subject="Re: An offer"))
    approved(message, alice)
    admission.show(message, now=clock.now())
    message.refresh_from_db()
    assert (message.status, message.reason_code) == (Status.RELEASED, "")
    assert kinds(message) == ["message.held", "message.received"]
    assert message.thread is not None
    assert (message.thread.message_count, message.thread.subject) == (1, "An offer")
    assert message.released_at is not None
    assert message.created_at >= message.released_at


def test_the_seal_is_that_of_the_bytes_that_came(alice: Tenant) -> None:
    raw = letter()
    message = arrive(alice.mailbox, raw)
    assert admission.seal_of(message) == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("end", [Status.REJECTED, Status.EXPIRED])
def test_a_mail_that_is_turned_away_is_never_shown(end: Status, alice: Tenant) -> None:
    message = arrive(alice.mailbox)
    admission.turn_away(message, end, reason=Reason(str(end), "No."), now=clock.now())
    message.refresh_from_db()
    assert message.status == end
    assert kinds(message) == ["message.held", f"message.{end}"]
    with pytest.raises(Conflict, match="moved on"):
        admission.show(message, now=clock.now())


def test_the_database_shows_nothing_that_nobody_approved(alice: Tenant) -> None:
    message = arrive(alice.mailbox)
    with pytest.raises(IntegrityError, match="no human has approved"), transaction.atomic():
        admission.show(message, now=clock.now())
    with pytest.raises(IntegrityError, match="no human has approved"), transaction.atomic():
        Message.objects.filter(pk=message.pk).update(status=Status.RELEASED)


def test_the_database_shows_no_other_bytes_than_the_approved_ones(alice: Tenant) -> None:
    message = arrive(alice.mailbox)
    approved(message, alice)
    RawMessage.objects.filter(message=message).update(raw=letter(body="Wire the money."))
    with pytest.raises(IntegrityError, match="no human has approved"), transaction.atomic():
        admission.show(message, now=clock.now())


def test_the_database_shows_nothing_of_a_mailbox_that_holds_what_arrives_to_one_who_does_not_know_of_it(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the release before does, whose workers still run beside this one's."""
    monkeypatch.setattr(admission, "admit", lambda messages, now: admission.intake.release(messages, now=now))
    with pytest.raises(IntegrityError, match="no human has approved"), transaction.atomic():
        arrive(alice.mailbox)


def test_a_change_of_the_mode_shows_nothing(alice: Tenant) -> None:
    message = arrive(alice.mailbox)
    for mode in (OversightMode.AUTONOMOUS, OversightMode.GATED_ALL, OversightMode.READ_ONLY, OversightMode.AUTONOMOUS):
        mailbox.set_mode(alice.mailbox, mode, by="member:x", now=clock.now())
        message.refresh_from_db()
        assert message.status == Status.HELD
