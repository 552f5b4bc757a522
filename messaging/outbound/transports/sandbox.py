"""The transport of a server without a relay, and of every test account: nothing leaves.

Mail to a domain that this server delivers loops back through the real SMTP listener; the simulator's addresses play
their outcome; all else is captured. From a test account only mail to test mailboxes loops back. Everything that was
taken stands in Captured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from mailboxes import addresses, clock
from messaging.mime.types import Envelope
from messaging.models import Captured

from . import simulator
from .base import SendResult, nobody_looks
from .relay import Relay, Tls
from .smtp import SmtpTransport


@dataclass(frozen=True, slots=True)
class SandboxTransport:
    """The sandbox for one attempt at one recipient; the simulator's greylisting looks at its number."""

    recipient_id: UUID
    number: int
    is_test: bool = False

    def send(
        self,
        envelope: Envelope,
        raw: bytes,
        *,
        on_data: Callable[[], None],
        look: Callable[[], None] = nobody_looks,
    ) -> SendResult:
        (address,) = envelope.recipients
        local, _, domain = address.rpartition("@")
        if domain == settings.TEST_DOMAIN if self.is_test else addresses.is_ours(domain):
            result = listener().send(envelope, raw, on_data=on_data, look=look)
            self._capture(envelope, raw, is_looped=True)
            return result
        play = simulator.play_of(local) if domain == settings.SIMULATOR_DOMAIN else simulator.Play()
        play.before_data(self.number)
        on_data()
        self._capture(envelope, raw)
        play.after_data()
        return SendResult("250", "Captured; nothing left this server.", afterwards=_reaction(play, envelope, raw))

    def _capture(self, envelope: Envelope, raw: bytes, *, is_looped: bool = False) -> None:
        Captured.objects.create(
            recipient_id=self.recipient_id,
            address=envelope.recipients[0],
            envelope_sender=envelope.sender,
            raw=raw,
            is_looped=is_looped,
            captured_at=clock.now(),
        )


def listener() -> SmtpTransport:
    """The way to our own SMTP listener. A connection each: the sandbox is not in a hurry."""
    host = settings.LINK_HOST.strip("[]")
    return SmtpTransport(Relay(host, settings.SMTP_PORT, tls=Tls.NONE), is_kept=False)


def _reaction(play: simulator.Play, envelope: Envelope, raw: bytes) -> Callable[[], None] | None:
    if play.reaction is None:
        return None
    answer = play.reaction(envelope, raw)
    if answer is None:
        return None
    return lambda: _return(*answer)


def _return(envelope: Envelope, raw: bytes) -> None:
    listener().send(envelope, raw, on_data=lambda: None)
