"""What the tests of the way out share: a relay that the platform sends by, and a tenant whose mail leaves at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zeal
from pytest_django import Settings

from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import Message, Recipient
from messaging.outbound import dispatch
from messaging.outbound.transports import smtp
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Sink


@pytest.fixture
def relay(settings: Settings) -> Iterator[Sink]:
    """RELAY_URL points to a sink."""
    with Sink() as sink:
        settings.RELAY_URL = sink.url
        yield sink
        smtp.close_kept()


@pytest.fixture
def listener(settings: Settings) -> Iterator[Sink]:
    """A sink where our own SMTP listener would be."""
    with Sink() as sink:
        settings.HOST, settings.SMTP_PORT = "127.0.0.1", sink.port
        yield sink


@pytest.fixture
def alice(db: None) -> Iterator[Tenant]:
    """Her mailbox is autonomous, and the mail of her sign-up has left by the sandbox."""
    # Each submission reads its own message; several of them in one test are no list.
    with zeal.zeal_ignore():
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        yield alice


def recipient_of(message: Message, address: str = "kim@friends.example") -> Recipient:
    return Recipient.objects.get(message=message, address=address)


def make_due(message: Message) -> None:
    """The time of the next attempts has come."""
    Recipient.objects.filter(message=message, next_at__isnull=False).update(next_at=message.created_at)


def events_of(message: Message) -> list[str]:
    """What the log tells of the message, oldest first."""
    return list(Event.objects.filter(subject=str(message.pk)).order_by("seq").values_list("kind", flat=True))
