"""The simulator through the whole house: sent, answered over our own SMTP listener, read, and shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zeal
from django.conf import settings
from pytest_django import Settings

from mailboxes import clock
from mailboxes.modes import OversightMode
from messaging.inbound import intake
from messaging.models import Captured, Direction, Message, RecipientState, Status, Suppression
from messaging.outbound import dispatch
from tests import builders
from tests.builders import Tenant
from tests.listeners import listening
from tests.messaging.outbound import events_of, recipient_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice(settings: Settings) -> Iterator[Tenant]:
    """Her mail leaves at once, and what comes in is shown; the listener runs."""
    with zeal.zeal_ignore(), listening() as port:
        settings.HOST, settings.SMTP_PORT = "127.0.0.1", port
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        yield alice


@pytest.mark.parametrize(
    ("play", "state", "event"),
    [
        ("bounce", RecipientState.BOUNCED, "message.bounced"),
        ("complaint", RecipientState.COMPLAINED, "message.complaint"),
    ],
)
def test_a_report_changes_the_recipient_and_suppresses_the_address(
    alice: Tenant, play: str, state: RecipientState, event: str
) -> None:
    message = _sent_to(alice, f"{play}@{settings.SIMULATOR_DOMAIN}")
    assert recipient_of(message, f"{play}@{settings.SIMULATOR_DOMAIN}").state == state
    assert events_of(message)[-2:] == ["message.sent", event]
    assert Suppression.objects.filter(account=alice.account, address=f"{play}@{settings.SIMULATOR_DOMAIN}").exists()


def test_an_out_of_office_reply_joins_the_thread_as_automatic(alice: Tenant) -> None:
    message = _sent_to(alice, f"ooo@{settings.SIMULATOR_DOMAIN}")
    reply = Message.objects.get(mailbox=alice.mailbox, direction=Direction.INBOUND)
    assert (reply.thread_id, reply.is_automatic) == (message.thread_id, True)


def test_mail_to_a_mailbox_of_ours_arrives_there(alice: Tenant) -> None:
    message = _sent_to(alice, alice.mailbox.full_address)
    message.refresh_from_db()
    assert message.status == Status.SENT
    assert Captured.objects.get(recipient__message=message).is_looped
    arrived = Message.objects.get(mailbox=alice.mailbox, direction=Direction.INBOUND)
    assert (arrived.subject, arrived.message_id) == (message.subject, message.message_id)


def _sent_to(alice: Tenant, address: str) -> Message:
    message = builders.submit(alice, to=(address,))
    dispatch.drain()
    while intake.process_due(limit=20, now=clock.now()):
        pass
    return message
