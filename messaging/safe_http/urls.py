"""What a URL may look like, and which hosts are refused by their name."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from threading import BoundedSemaphore
from urllib.parse import SplitResult, urlsplit

import idna
from django.conf import settings

from . import names
from .addresses import Address
from .failures import Failure, Refused
from .timing import Deadline
from .trust import NOBODY, Trust

MAX_LENGTH = 2048
CHECK_SECONDS = 3.0
# Names whose servers are slow on purpose must not hold every thread that answers requests. Beyond that a name is taken
# as if nobody resolved it: it is looked at when it is asked.
_looking = BoundedSemaphore(4)
PORTS: dict[str, tuple[int, ...]] = {"https": (443, 8443), "http": (80, 8080)}
# Names that are not in the public DNS, or mean another machine on each network (RFC 6761, 6762, 8375, 9476).
PRIVATE_SUFFIXES = frozenset(
    {"alt", "arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost", "onion"}
    | {"private"}
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# As browsers and resolvers read it, a host that ends so is an IPv4 address, whatever else stands in it.
_ENDS_IN_NUMBER = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")
_PRINTABLE = re.compile(r"[!-\[\]-~]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: `host` is a name of A-labels in lower case, or the text of `literal`."""

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None
    trust: Trust

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host
        return host if self.port == PORTS[self.scheme][0] else f"{host}:{self.port}"

    def addresses(self, *, deadline: Deadline) -> list[Address]:
        """Where the host is found right now. Raises Refused if any of it may not be connected to."""
        return names.resolve(self.host, self.port, literal=self.literal, trust=self.trust, deadline=deadline)


def check_url(
    url: str,
    *,
    schemes: Collection[str] = ("https",),
    allow: frozenset[tuple[str, int]] = frozenset(),
    seconds: float = CHECK_SECONDS,
) -> None:
    """Raise Refused for a URL that is never asked: by its form, its name, or what its name means just now.

    `allow`: hosts and ports that are exempt from the rules of address, port and https. A name that nobody resolves
    right now is accepted; it is looked at again whenever it is asked. Network: DNS, at most `seconds`, so not inside a
    transaction.
    """
    target = parse(url, schemes=schemes, trust=Trust(receivers=allow))
    if not _looking.acquire(blocking=target.literal is not None):
        return
    try:
        target.addresses(deadline=Deadline(seconds))
    except Refused:
        raise
    except Failure:
        return
    finally:
        _looking.release()


def parse(url: str, *, schemes: Collection[str], trust: Trust = NOBODY) -> Target:
    """The parts of a URL that may be asked. Plain http and any port only for hosts that are trusted."""
    parts = _split(url)
    host, literal = _host(parts.hostname or "")
    port = _port(parts) or PORTS.get(parts.scheme, (0,))[0]
    is_trusted = trust.names(host, port)
    if parts.scheme not in schemes and not (is_trusted and parts.scheme == "http"):
        raise Refused("bad_scheme", f"The URL must begin with {' or '.join(f'{one}://' for one in schemes)}.")
    if not is_trusted:
        _check_name(host, literal)
        if port not in PORTS[parts.scheme]:
            raise Refused("bad_port", f"Ports other than {' and '.join(map(str, PORTS[parts.scheme]))} are not asked.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, literal, trust)


def is_same_origin(one: str, other: str) -> bool:
    """Whether two URLs lead to the same server: scheme, host and port, however they are written."""
    origin = origin_of(one)
    return origin is not None and origin == origin_of(other)


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port in one spelling; None for what can't be read. Says nothing of whether it may be asked."""
    try:
        parts = _split(url)
        return parts.scheme, _host(parts.hostname or "")[0], _port(parts) or PORTS[parts.scheme][0]
    except (Refused, KeyError):
        return None


def _split(url: str) -> SplitResult:
    if not 0 < len(url) <= MAX_LENGTH:
        raise Refused("bad_url", f"A URL has 1 to {MAX_LENGTH} characters.")
    if not url.isprintable() or " " in url or "\\" in url:
        # Parsers drop or turn these, each in its own way; the one that checks must not read another host.
        raise Refused("bad_url", "The URL contains a space, a control character or a backslash.")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Refused("bad_url", "The URL can't be read.") from error
    if not parts.hostname or ("[" in parts.netloc and ":" not in parts.hostname):
        raise Refused("bad_url", "The URL names no host.")
    if "@" in parts.netloc:
        raise Refused("bad_url", "A URL with a user name or password is not asked.")
    if "#" in url:
        raise Refused("bad_url", "The part behind # never leaves the client; leave it out.")
    if not _PRINTABLE.fullmatch(parts.path + parts.query):
        raise Refused("bad_url", "Percent-encode what is not ASCII in the path of the URL.")
    return parts


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError as error:
        raise Refused("bad_port", "The port of the URL is not a number up to 65535.") from error
    if port == 0:
        raise Refused("bad_port", "Port 0 does not exist.")
    return port


def _host(text: str) -> tuple[str, Address | None]:
    if ":" in text:
        return _ipv6(text)
    host = text if text.isascii() else _to_ascii(text)
    if _ENDS_IN_NUMBER.search(host):
        return _ipv4(text)  # as it was written: what only becomes a number by mapping was meant to pass as a name
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise Refused("bad_url", "The URL's host is not a host name.")
    return host, None


def _ipv6(text: str) -> tuple[str, Address]:
    try:
        address = IPv6Address(text)
    except ValueError as error:
        raise Refused("bad_url", "The URL's host is not an IPv6 address.") from error
    if address.scope_id is not None:
        raise Refused("blocked_address", "An address with a zone is on this machine's own network.")
    return str(address), address


def _ipv4(text: str) -> tuple[str, Address]:
    try:
        if text.isascii():
            return text, IPv4Address(text)
    except ValueError:
        pass
    raise Refused("bad_url", "The URL's host is a number, but not four decimal ones with dots between them.")


def _to_ascii(text: str) -> str:
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        pass
    raise Refused("bad_url", "The URL's host is not a host name.")


def _check_name(host: str, literal: Address | None) -> None:
    if literal is not None:
        return
    public = origin_of(settings.PUBLIC_URL)
    is_own = host == settings.MAIL_HOST.lower() or (public is not None and host == public[1])
    if is_own or "." not in host or host.rpartition(".")[2] in PRIVATE_SUFFIXES:
        raise Refused("blocked_host", "The URL's host is on a private network or this server itself.")
