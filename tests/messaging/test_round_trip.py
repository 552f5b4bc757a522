"""Out through the sandbox, in through the real listener: the two halves agree on envelopes and tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from mailboxes import clock
from mailboxes.modes import OversightMode
from messaging.inbound import intake
from messaging.models import Direction, Message, Recipient, Status
from messaging.outbound import dispatch
from tests import builders
from tests.listeners import listening

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _listener(settings: Settings) -> Iterator[None]:
    with listening() as port:
        settings.SMTP_PORT = port
        yield


def deliver() -> None:
    """What the workers do: send what is due, then file what came in."""
    dispatch.drain()
    intake.process_due(limit=10, now=clock.now())


def test_mail_between_two_mailboxes_of_this_server_arrives_and_its_answer_joins_the_thread() -> None:
    alice, bob = (builders.tenant(name, mode=OversightMode.AUTONOMOUS) for name in ("alice", "bob"))
    question = builders.submit(alice, to=(bob.mailbox.full_address,), subject="Lunch?")
    deliver()
    received = Message.objects.get(mailbox=bob.mailbox, direction=Direction.INBOUND)
    assert (received.status, received.message_id) == (Status.RELEASED, question.message_id)
    builders.submit(bob, to=(alice.mailbox.full_address,), subject="Re: Lunch?", in_reply_to=received.message_id)
    deliver()
    answer = Message.objects.get(mailbox=alice.mailbox, direction=Direction.INBOUND)
    assert answer.thread == question.thread
    assert not answer.sender_new_to_thread


@pytest.mark.parametrize(("local", "state"), [("bounce", "bounced"), ("complaint", "complained")])
def test_a_report_of_the_simulator_finds_its_recipient(settings: Settings, local: str, state: str) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice, to=(f"{local}@{settings.SIMULATOR_DOMAIN}",))
    deliver()
    assert Recipient.objects.get(message=message).state == state
