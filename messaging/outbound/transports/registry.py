"""Which way a mail takes: the relay, a provider, or the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings

from .base import Transport
from .provider import ProviderTransport
from .relay import Relay, parse_relay_url
from .sandbox import SandboxTransport
from .smtp import SmtpTransport


@dataclass(frozen=True, slots=True)
class Consignment:
    """What the choice depends on. `is_test`: submitted with a `gp_test_` key."""

    recipient_id: UUID
    address: str
    number: int
    is_test: bool


def choose(consignment: Consignment) -> Transport:
    """The transport for one attempt. Test keys and the simulator's domain never leave the sandbox."""
    domain = consignment.address.rpartition("@")[2]
    if consignment.is_test or domain == settings.SIMULATOR_DOMAIN:
        return _sandbox(consignment)
    if settings.RELAY_URL:
        return SmtpTransport(_relay(settings.RELAY_URL))
    if settings.EMAIL_PROVIDER:
        return ProviderTransport(settings.EMAIL_PROVIDER)
    return _sandbox(consignment)


def _sandbox(consignment: Consignment) -> SandboxTransport:
    return SandboxTransport(consignment.recipient_id, consignment.number)


@lru_cache(maxsize=4)
def _relay(url: str) -> Relay:
    return parse_relay_url(url)
