"""The sandbox: nothing leaves, and the simulator's addresses play their outcome through the whole pipeline."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message as Mail
from email.policy import compat32
from typing import Any

import pytest
from django.conf import settings

from mailboxes import clock
from messaging import return_paths
from messaging.mime.wire import check_wire
from messaging.models import Captured, Message, RecipientState, Status
from messaging.outbound import dispatch
from messaging.outbound.transports import simulator
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Mood, Sink, Taken
from tests.messaging.outbound import alice as alice
from tests.messaging.outbound import listener as listener
from tests.messaging.outbound import make_due, recipient_of
from tests.messaging.outbound import relay as relay

pytestmark = pytest.mark.django_db


def test_mail_to_elsewhere_is_captured_with_its_signature(alice: Tenant) -> None:
    message = builders.submit(alice)
    dispatch.drain()
    message.refresh_from_db()
    captured = Captured.objects.get(recipient__message=message)
    assert (message.status, captured.is_looped, captured.address) == (Status.SENT, False, "kim@friends.example")
    assert bytes(captured.raw).lower().startswith(b"dkim-signature:")


def test_mail_to_our_own_domain_comes_back_through_the_listener(alice: Tenant, listener: Sink) -> None:
    message = builders.submit(alice, to=(alice.mailbox.full_address,))
    dispatch.drain()
    (taken,) = listener.taken
    assert taken.recipients == (alice.mailbox.full_address,)
    captured = Captured.objects.get(recipient__message=message)
    assert (bytes(captured.raw), captured.is_looped) == (taken.content, True)


def test_mail_to_our_own_domain_fails_when_nobody_has_the_address(alice: Tenant, listener: Sink) -> None:
    listener.mood = Mood.REFUSE_AT_RCPT
    message = builders.submit(alice, to=(f"nobody@{alice.mailbox.domain.name}",))
    dispatch.drain()
    message.refresh_from_db()
    assert (message.status, Captured.objects.filter(recipient__message=message).exists()) == (Status.FAILED, False)


def test_refuse_is_refused_at_once(alice: Tenant) -> None:
    message = _play(alice, "refuse")
    assert (message.status, message.reason_code) == (Status.FAILED, "550")


def test_greylist_is_deferred_first_and_taken_later(alice: Tenant) -> None:
    message = _play(alice, "greylist")
    assert (message.status, recipient_of(message, _at("greylist")).state) == (Status.QUEUED, RecipientState.DEFERRED)
    make_due(message)
    dispatch.drain()
    message.refresh_from_db()
    assert message.status == Status.SENT


def test_unknown_loses_the_answer(alice: Tenant) -> None:
    assert _play(alice, "unknown").status == Status.UNKNOWN


def test_slow_takes_its_time(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    assert _play(alice, "slow").status == Status.SENT
    assert slept == [simulator.SLOW_FOR]


def test_anybody_else_at_the_simulator_accepts(alice: Tenant) -> None:
    assert _play(alice, "somebody").status == Status.SENT


def test_the_simulator_plays_on_when_a_relay_is_set(alice: Tenant, relay: Sink) -> None:
    assert _play(alice, "refuse").status == Status.FAILED
    assert relay.offered == []


def test_bounce_is_taken_and_a_delivery_report_comes_to_the_return_path(alice: Tenant, listener: Sink) -> None:
    message = _play(alice, "bounce")
    assert message.status == Status.SENT
    mail = _report(message, listener.taken)
    status = _part(mail, 1)
    assert mail.get_param("report-type") == "delivery-status"
    per_recipient = _part(status, 1)
    assert (per_recipient["Action"], per_recipient["Status"]) == ("failed", "5.1.1")
    assert _at("bounce") in per_recipient["Final-Recipient"]


def test_complaint_is_taken_and_an_abuse_report_comes_to_the_return_path(alice: Tenant, listener: Sink) -> None:
    message = _play(alice, "complaint")
    mail = _report(message, listener.taken)
    assert mail.get_param("report-type") == "feedback-report"
    assert "Feedback-Type: abuse" in str(_part(mail, 1))


def test_ooo_answers_the_author_in_the_thread(alice: Tenant, listener: Sink) -> None:
    message = _play(alice, "ooo", subject="Zahlen für März")
    (taken,) = listener.taken
    check_wire(taken.content)
    reply = message_from_bytes(taken.content, policy=compat32)
    assert (taken.sender, taken.recipients) == ("", (alice.mailbox.full_address,))
    assert (reply["In-Reply-To"], reply["Auto-Submitted"]) == (message.message_id, "auto-replied")


def test_a_message_stays_sent_when_the_simulators_report_finds_no_listener(alice: Tenant, listener: Sink) -> None:
    listener.mood = Mood.REFUSE_AT_RCPT
    assert _play(alice, "bounce").status == Status.SENT


def _play(alice: Tenant, local: str, **fields: Any) -> Message:
    message = builders.submit(alice, to=(_at(local),), **fields)
    dispatch.drain()
    message.refresh_from_db()
    return message


def _at(local: str) -> str:
    return f"{local}@{settings.SIMULATOR_DOMAIN}"


def _report(message: Message, taken: list[Taken]) -> Mail:
    (one,) = taken
    check_wire(one.content)
    (address,) = one.recipients
    recipient = message.recipients.get()
    assert (one.sender, return_paths.recipient_behind(address, now=clock.now())) == ("", recipient.pk)
    mail = message_from_bytes(one.content, policy=compat32)
    assert message.message_id in str(_part(mail, 2).get_payload())
    return mail


def _part(mail: Mail, index: int) -> Mail:
    parts: Any = mail.get_payload()
    part: Mail = parts[index]
    return part
