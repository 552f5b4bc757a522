"""Where the relay is and how it is spoken to: RELAY_URL, read once and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SUBMISSION_PORT = 587
SUBMISSIONS_PORT = 465


class Tls(StrEnum):
    """REQUIRED: no mail without a verified certificate. OPPORTUNISTIC: encrypted when offered. NONE: never."""

    REQUIRED = "required"
    OPPORTUNISTIC = "opportunistic"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Relay:
    """One relay. `is_implicit_tls` is smtps: TLS from the first byte."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Tls = Tls.REQUIRED
    is_implicit_tls: bool = False

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_relay_url(url: str) -> Relay:
    """The relay behind `smtp://user:password@host:port?tls=required|opportunistic|none` or `smtps://…`.

    Ports default to 587 and 465; tls to required, on loopback to opportunistic. Raises ImproperlyConfigured without
    repeating the URL: it holds a password.
    """
    try:
        parts = urlsplit(url)
        port, query = parts.port, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise ImproperlyConfigured("RELAY_URL is not a URL (percent-encode the password).") from error
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path.strip("/") or set(query) - {"tls"}:
        raise ImproperlyConfigured("RELAY_URL must be smtp:// or smtps://[user:password@]host[:port][?tls=…].")
    is_implicit = parts.scheme == "smtps"
    plain = Relay(parts.hostname, port or (SUBMISSIONS_PORT if is_implicit else SUBMISSION_PORT))
    relay = Relay(
        host=plain.host,
        port=plain.port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=_tls(query.get("tls"), default=Tls.OPPORTUNISTIC if plain.is_loopback else Tls.REQUIRED),
        is_implicit_tls=is_implicit,
    )
    _check(relay)
    return relay


def _tls(asked: str | None, *, default: Tls) -> Tls:
    try:
        return Tls(asked) if asked else default
    except ValueError as error:
        raise ImproperlyConfigured(f"RELAY_URL: tls must be one of {', '.join(Tls)}.") from error


def _check(relay: Relay) -> None:
    if relay.is_implicit_tls and relay.tls is Tls.NONE:
        raise ImproperlyConfigured("RELAY_URL: smtps:// with tls=none contradicts itself.")
    if relay.user and relay.tls is Tls.NONE and not relay.is_loopback:
        raise ImproperlyConfigured("RELAY_URL: a password is not sent without TLS. Remove tls=none.")
