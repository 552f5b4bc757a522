"""What agents are told of the mail that they send, from the queue to the last word about each recipient."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from mailboxes import clock
from mailboxes.api.fields import moment_text
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging import return_paths
from messaging.inbound import intake
from messaging.models import Message, Recipient
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from oversight import decisions, reviews, submission
from tests import builders
from tests.arrivals import receive
from tests.builders import Tenant
from tests.letters import bounce, complaint

from . import rendered

pytestmark = pytest.mark.django_db

KIM = "kim@friends.example"


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def attempted(owner: Tenant, kind: OutcomeKind = OutcomeKind.SENT) -> Message:
    """A message that a worker attempted, with this outcome."""
    message = builders.submit(owner, to=(KIM,), cc=("lee@friends.example",), metadata={"order": "17"}, tags=("orders",))
    for attempt in outbox.claim_due(limit=10, now=clock.now()):
        outcomes.record(attempt, Outcome(kind, "250", "fine"), now=clock.now())
    message.refresh_from_db()
    return message


def reported(message: Message, report: bytes | None = None) -> Recipient:
    """The recipient after a bounce of its copy, or another report; `RETURN` in it is its return path."""
    recipient = Recipient.objects.get(message=message, address=KIM)
    path = return_paths.return_path_of(recipient.pk, domain=settings.PLATFORM_DOMAIN, now=clock.now())
    raw = bounce(KIM, to=path) if report is None else report.replace(b"RETURN", path.encode())
    intake.process(receive(raw, path, sender=""), now=clock.now())
    return recipient


def described(message: Message, owner: Tenant) -> dict[str, Any]:
    """Which message it is, as every event about it says."""
    return {
        "message_id": str(message.pk),
        "mailbox_id": str(owner.mailbox.pk),
        "mailbox_address": owner.mailbox.full_address,
        "rfc_message_id": message.message_id,
        "thread_id": str(message.thread_id),
        "from": owner.mailbox.full_address,
        "to": list(message.to_addresses),
        "cc": list(message.cc_addresses),
        "subject": message.subject,
        "in_reply_to": None,
        "metadata": message.metadata,
        "tags": message.tags or [],
    }


def happened(owner: Tenant, kind: str) -> str:
    return moment_text(Event.objects.filter(account=owner.account, kind=kind).latest("seq").created_at)


def test_queued_and_sent_say_which_message_and_when(alice: Tenant) -> None:
    message = attempted(alice)
    assert rendered.data(alice, "message.queued") == described(message, alice)
    assert rendered.data(alice, "message.sent") == described(message, alice) | {
        "sent_at": happened(alice, "message.sent")
    }
    assert rendered.everything(alice)[-1].tags == {"orders"}


def test_a_bounce_names_its_recipient_and_the_reason(alice: Tenant) -> None:
    message = attempted(alice)
    recipient = reported(message)
    assert rendered.data(alice, "message.bounced") == described(message, alice) | {
        "recipient": KIM,
        "recipients": [KIM],
        "recipient_id": str(recipient.pk),
        "bounce_type": "hard",
        "code": "5.1.1",
        "reason": "smtp; 550 no such person here",
        "bounced_at": happened(alice, "message.bounced"),
    }


def test_a_bounce_for_now_is_a_soft_one(alice: Tenant) -> None:
    message = attempted(alice)
    reported(message, bounce(KIM, to="RETURN", status="4.4.7"))
    assert rendered.data(alice, "message.bounced")["bounce_type"] == "soft"


def test_a_delivery_names_its_recipient(alice: Tenant) -> None:
    message = attempted(alice)
    recipient = reported(message, bounce(KIM, to="RETURN", status="2.0.0", action="delivered"))
    assert rendered.data(alice, "message.delivered") == described(message, alice) | {
        "recipient": KIM,
        "recipient_id": str(recipient.pk),
        "code": "2.0.0",
        "delivered_at": happened(alice, "message.delivered"),
    }


def test_a_complaint_names_its_recipient(alice: Tenant) -> None:
    message = attempted(alice)
    recipient = reported(message, complaint(return_path="RETURN", recipient=KIM))
    data = rendered.data(alice, "message.complaint")
    assert data == described(message, alice) | {
        "recipient": KIM,
        "recipients": [KIM],
        "recipient_id": str(recipient.pk),
        "code": data["code"],
        "complained_at": happened(alice, "message.complaint"),
    }


@pytest.mark.parametrize(
    ("outcome", "kind"), [(OutcomeKind.FAILED, "message.failed"), (OutcomeKind.UNKNOWN, "message.unknown")]
)
def test_what_was_not_sent_says_why(alice: Tenant, outcome: OutcomeKind, kind: str) -> None:
    message = attempted(alice, outcome)
    assert rendered.data(alice, kind) == described(message, alice) | {"reason": "250"}


def test_an_approval_is_told_of_the_message_beside_its_review() -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), builders.member(alice.account)
    assert rendered.data(alice, "message.held")["reason"] == review.reason_code
    decision = decisions.approve(review, reviewer=builders.reviewer(rhea), version=1, now=clock.now())

    ids = {"decision_id": str(decision.pk), "by": f"member:{rhea.pk}", "review_id": str(review.pk)}
    assert rendered.data(alice, "message.approved") == described(review.message, alice) | ids
    assert rendered.data(alice, "review.approved").items() >= ids.items()
    assert rendered.kinds(alice)[-3:] == ["message.queued", "review.approved", "message.approved"]


def test_an_approval_that_is_undone_is_told_as_held_again() -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), builders.reviewer(builders.member(alice.account))
    now = clock.now()
    decisions.approve(review, reviewer=rhea, version=1, now=now)
    decision = decisions.undo(review, reviewer=rhea, now=now)
    assert rendered.data(alice, "message.held")["decision_id"] == str(decision.pk)
    assert rendered.kinds(alice)[-2:] == ["message.held", "review.undone"]


def test_a_rejection_says_the_reviewers_reason() -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), builders.reviewer(builders.member(alice.account))
    decisions.reject(review, reviewer=rhea, version=1, reason="tone", now=clock.now())
    data = rendered.data(alice, "message.rejected")
    assert (data["reason"], data["review_reason"]) == ("rejected", "tone")


def test_what_expires_or_is_cancelled_is_told() -> None:
    alice = builders.tenant()
    builders.held(alice)
    reviews.expire_due(now=clock.now() + timedelta(days=settings.REVIEW_EXPIRES_DAYS, seconds=1))
    assert rendered.kinds(alice)[-2:] == ["message.expired", "review.expired"]
    review = builders.held(alice)
    submission.cancel(alice.agent_actor, alice.mailbox.pk, review.message_id, now=clock.now())
    assert rendered.kinds(alice)[-2:] == ["message.cancelled", "review.cancelled"]
    assert rendered.data(alice, "message.cancelled")["by"] == alice.agent_actor.identity


def test_a_refused_send_is_not_told(alice: Tenant) -> None:
    closed = builders.tenant("bob", mode=OversightMode.READ_ONLY)
    builders.submit(closed)
    assert Event.objects.filter(account=closed.account, kind="message.refused").exists()
    assert "message.refused" not in rendered.kinds(closed)


def test_a_review_is_told_as_it_was_recorded() -> None:
    alice = builders.tenant()
    builders.held(alice, tags=("orders",))
    stored = Event.objects.get(account=alice.account, kind="review.opened")
    assert rendered.data(alice, "review.opened") == json.loads(stored.data)
    assert rendered.everything(alice)[-1].tags == {"orders"}
