"""Which way a mail takes: the relay, a provider, or the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from . import provider
from .base import Transport
from .relay import Relay, parse_relay_url
from .sandbox import SandboxTransport
from .smtp import SmtpTransport


@dataclass(frozen=True, slots=True)
class Consignment:
    """What the choice depends on. `is_test`: of a test account."""

    recipient_id: UUID
    address: str
    number: int
    is_test: bool


def choose(consignment: Consignment) -> Transport:
    """The transport for one attempt. Test accounts and the simulator's domain never leave the sandbox."""
    domain = consignment.address.rpartition("@")[2]
    if consignment.is_test or domain == settings.SIMULATOR_DOMAIN:
        return _sandbox(consignment)
    if settings.RELAY_URL:
        return SmtpTransport(_relay(settings.RELAY_URL))
    if settings.EMAIL_PROVIDER:
        return provider.ProviderTransport(settings.EMAIL_PROVIDER)
    return _sandbox(consignment)


def problems() -> list[str]:
    """What is wrong with the settings of the way out, in sentences; empty when mail can leave as they say."""
    found = provider.problems()
    if settings.RELAY_URL and settings.EMAIL_PROVIDER:
        found.append("RELAY_URL and EMAIL_PROVIDER are both set. Mail takes one way: unset one of them.")
    if settings.RELAY_URL:
        try:
            parse_relay_url(settings.RELAY_URL)
        except ImproperlyConfigured as error:
            found.append(str(error))
    return found


def _sandbox(consignment: Consignment) -> SandboxTransport:
    return SandboxTransport(consignment.recipient_id, consignment.number, is_test=consignment.is_test)


@lru_cache(maxsize=4)
def _relay(url: str) -> Relay:
    return parse_relay_url(url)
