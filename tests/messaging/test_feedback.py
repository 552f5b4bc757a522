"""Bounces, complaints and delivery reports: believed by a token only, and about one copy only."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.conf import settings

from mailboxes import clock, quotas
from mailboxes.models import CountKind, Event
from mailboxes.modes import OversightMode
from messaging import return_paths
from messaging.inbound import intake
from messaging.models import Direction, Message, RawMessage, Recipient, RecipientState, Status, Suppression
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from tests import builders
from tests.arrivals import arrive, receive
from tests.letters import bounce, complaint, letter

pytestmark = pytest.mark.django_db

KIM = "kim@friends.example"


def sent(kind: OutcomeKind = OutcomeKind.SENT, *, to: tuple[str, ...] = (KIM,)) -> Recipient:
    """The first recipient of a message that a worker attempted, with this outcome."""
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice, to=to)
    for attempt in outbox.claim_due(limit=10, now=clock.now()):
        outcomes.record(attempt, Outcome(kind, "250", "fine"), now=clock.now())
    return Recipient.objects.select_related("message").get(message=message, address=to[0])


def path_of(recipient: Recipient) -> str:
    return return_paths.return_path_of(recipient.pk, domain=settings.PLATFORM_DOMAIN, now=clock.now())


def hear(recipient: Recipient, raw: bytes, *, at: str | None = None) -> RawMessage:
    """Take in a report at the return path of the recipient's copy, or at another address of ours."""
    row = receive(raw, at or path_of(recipient), sender="")
    intake.process(row, now=clock.now())
    recipient.refresh_from_db()
    return row


def kinds(recipient: Recipient) -> list[str]:
    """The events of the recipient's message, and suppressions of its account, since it left."""
    log = Event.objects.filter(account_id=recipient.message.account_id).order_by("seq").values_list("kind", flat=True)
    told = list(log)
    last = max(
        index for index, kind in enumerate(told) if kind in ("message.sent", "message.unknown", "message.queued")
    )
    return told[last + 1 :]


def test_a_hard_bounce_marks_the_recipient_and_suppresses_the_address() -> None:
    recipient = sent()
    row = hear(recipient, bounce(KIM, to=path_of(recipient)))
    assert recipient.state == RecipientState.BOUNCED
    assert (recipient.code, recipient.text) == ("5.1.1", "smtp; 550 no such person here")
    suppression = Suppression.objects.get()
    assert (suppression.address, suppression.reason) == (KIM, "BOUNCE")
    assert sorted(kinds(recipient)) == ["message.bounced", "suppression.added"]
    row.refresh_from_db()
    assert row.processed_at is not None
    assert not Message.objects.filter(direction=Direction.INBOUND).exists()


def test_the_event_names_message_and_recipient_by_id_when_a_copy_bounces() -> None:
    recipient = sent()
    hear(recipient, bounce(KIM, to=path_of(recipient)))
    data = json.loads(Event.objects.get(kind="message.bounced").data)
    assert (data["message_id"], data["recipient_id"]) == (str(recipient.message_id), str(recipient.pk))
    assert KIM not in str(data)


@pytest.mark.parametrize("status", ["4.4.7", "5.2.2", "5.7.1", "5.3.4"])
def test_a_bounce_that_is_not_about_the_mailbox_suppresses_nobody(status: str) -> None:
    recipient = sent()
    hear(recipient, bounce(KIM, to=path_of(recipient), status=status))
    assert recipient.state == RecipientState.BOUNCED
    assert not Suppression.objects.exists()


def test_a_complaint_at_abuse_is_believed_by_the_token_in_the_original() -> None:
    recipient = sent()
    hear(recipient, complaint(return_path=path_of(recipient)), at="abuse@agents.example")
    assert recipient.state == RecipientState.COMPLAINED
    assert Suppression.objects.get().reason == "COMPLAINT"
    assert "message.complaint" in kinds(recipient)


def test_a_bounce_counts_for_the_day_of_its_sending_until_a_complaint_shows_that_it_arrived() -> None:
    recipient = sent()
    yesterday = clock.now() - timedelta(days=1)
    Message.objects.filter(pk=recipient.message_id).update(created_at=yesterday)
    account_id, counts = recipient.message.account_id, []
    for report in (bounce(KIM, to=path_of(recipient)), complaint(return_path=path_of(recipient))):
        hear(recipient, report)
        counts.append(quotas.used([account_id], CountKind.DAILY_BOUNCES, now=yesterday)[account_id])
    assert counts == [1, 0]


def test_a_delivery_report_marks_the_recipient_delivered() -> None:
    recipient = sent()
    hear(recipient, bounce(KIM, to=path_of(recipient), action="delivered", status="2.0.0"))
    assert recipient.state == RecipientState.DELIVERED
    assert kinds(recipient) == ["message.delivered"]
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [
        ("delayed", "4.4.1", RecipientState.SENT),
        ("delivered", "2.0.0", RecipientState.DELIVERED),
        ("failed", "5.1.1", RecipientState.BOUNCED),
    ],
)
def test_an_unknown_outcome_is_settled_by_a_report(action: str, status: str, state: RecipientState) -> None:
    recipient = sent(OutcomeKind.UNKNOWN)
    assert recipient.message.status == Status.UNKNOWN
    hear(recipient, bounce(KIM, to=path_of(recipient), action=action, status=status))
    recipient.message.refresh_from_db()
    assert recipient.state == state
    assert recipient.message.status == Status.SENT
    assert "message.sent" in list(Event.objects.values_list("kind", flat=True))


def test_later_evidence_never_leads_back() -> None:
    recipient = sent()
    hear(recipient, complaint(return_path=path_of(recipient)))
    told = kinds(recipient)
    hear(recipient, bounce(KIM, to=path_of(recipient), action="delivered", status="2.0.0"))
    hear(recipient, bounce(KIM, to=path_of(recipient)))
    assert recipient.state == RecipientState.COMPLAINED
    assert kinds(recipient) == told


def test_a_report_that_comes_twice_changes_nothing_more() -> None:
    recipient = sent()
    for _ in range(3):
        hear(recipient, bounce(KIM, to=path_of(recipient)))
    assert sorted(kinds(recipient)) == ["message.bounced", "suppression.added"]


def test_a_report_about_somebody_else_has_no_effect() -> None:
    recipient = sent(to=(KIM, "lee@friends.example"))
    for raw in (
        bounce("bigcustomer@friends.example", to=path_of(recipient)),
        bounce("lee@friends.example", to=path_of(recipient)),
        complaint(return_path=path_of(recipient), recipient="lee@friends.example"),
    ):
        hear(recipient, raw)
    assert recipient.state == RecipientState.SENT
    assert kinds(recipient) == []


def test_a_report_about_a_thousand_people_has_no_effect() -> None:
    recipient = sent()
    block = "\r\nFinal-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    others = "".join(block.format(f"user{n}@friends.example") for n in range(1000))
    raw = bounce(KIM, to=path_of(recipient)).replace(b"Diagnostic-Code", others.encode() + b"Diagnostic-Code")
    hear(recipient, raw)
    assert recipient.state == RecipientState.SENT
    assert not Suppression.objects.exists()


def test_a_bounce_in_prose_has_no_effect() -> None:
    recipient = sent()
    prose = letter(
        "Auto-Submitted: auto-replied", sender="mailer-daemon@x.example", body=f"Action: failed\r\n{KIM}\r\n"
    )
    hear(recipient, prose)
    assert recipient.state == RecipientState.SENT


@pytest.mark.parametrize("place", ["mailbox", "abuse", "forged", "expired"])
def test_a_bounce_without_a_token_of_ours_has_no_effect(place: str) -> None:
    recipient = sent()
    good = path_of(recipient)
    long_ago = clock.now() - return_paths.VALID_FOR - timedelta(days=2)
    at = {
        "mailbox": recipient.message.mailbox.full_address,
        "abuse": "abuse@agents.example",
        "forged": good[:-20] + ("a" if good[-20] != "a" else "c") + good[-19:],
        "expired": return_paths.return_path_of(recipient.pk, domain=settings.PLATFORM_DOMAIN, now=long_ago),
    }[place]
    row = hear(recipient, bounce(KIM, to=at), at=at)
    assert RawMessage.objects.filter(pk=row.pk, processed_at__isnull=False).exists()
    assert recipient.state == RecipientState.SENT
    assert not Suppression.objects.exists()


def test_a_complaint_without_a_token_has_no_effect() -> None:
    recipient = sent()
    hear(recipient, complaint(return_path="b+forged@agents.example", recipient=KIM), at="abuse@agents.example")
    assert recipient.state == RecipientState.SENT


def test_a_forged_bounce_to_a_mailbox_is_shown_as_the_mail_it_is() -> None:
    alice = builders.tenant()
    message = arrive(alice.mailbox, bounce(KIM, to=alice.mailbox.full_address), sender="")
    assert message.status == Status.RELEASED
    assert message.is_automatic


def test_a_report_waits_when_the_attempt_has_no_outcome_yet() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice)
    attempts = outbox.claim_due(limit=10, now=clock.now())
    (attempt,) = [attempt for attempt in attempts if attempt.recipient.message_id == message.pk]
    recipient = attempt.recipient
    hear(recipient, bounce(KIM, to=path_of(recipient)))
    assert recipient.state == RecipientState.SENDING
    outcomes.record(attempt, Outcome(OutcomeKind.SENT, "250", "fine"), now=clock.now())
    assert intake.process_due(limit=10, now=clock.now()) == 1
    recipient.refresh_from_db()
    assert recipient.state == RecipientState.BOUNCED
