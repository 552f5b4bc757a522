"""Where a link truly leads, in plain words. The true address is what decides; what the link says is a claim."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

import idna
from publicsuffixlist import PublicSuffixList

from .mail_frame import Anchor

MOST_SHOWN = 500
LONGEST = 4000  # characters of an address that are looked at
WEB = ("http", "https")
LOOKS_LIKE_ADDRESS = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[\w-]{2,})(?:[/:?#]\S*)?", re.IGNORECASE)
SHORTENERS = frozenset({"bit.ly", "t.co", "tinyurl.com", "goo.gl", "ow.ly", "is.gd", "buff.ly", "cutt.ly", "rb.gy"})
ACTS = re.compile(r"unsubscribe|opt-?out|confirm|verify|token=|/reset|magic", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a message. `host` as written, `ascii_host` as it is looked up, `domain` the registered part."""

    number: int
    text: str
    target: str
    scheme: str
    host: str = ""
    ascii_host: str = ""
    domain: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def is_web(self) -> bool:
        return self.scheme in WEB and bool(self.host)

    @property
    def subdomain(self) -> str:
        """What stands before the registered domain, with its dot."""
        return self.ascii_host.removesuffix(self.domain) if self.domain else self.ascii_host

    @property
    def is_disguised(self) -> bool:
        return self.host != self.ascii_host


def examine(anchors: Sequence[Anchor]) -> list[Link]:
    """The links of a message with what speaks against each, in the order of the message."""
    return [look_at(number, anchor) for number, anchor in enumerate(anchors[:MOST_SHOWN], start=1)]


def look_at(number: int, anchor: Anchor) -> Link:
    """One link, read as a browser reads it."""
    target = _as_browsers_read(anchor.target[:LONGEST])
    parts = _split(target)
    if parts is None or not parts.scheme:
        return Link(number, anchor.text, target, "", warnings=("This is no complete address.",))
    if parts.scheme not in WEB:
        return Link(number, anchor.text, target, parts.scheme, warnings=_not_web(parts.scheme))
    host = (parts.hostname or "").rstrip(".")
    ascii_host = to_ascii(host)
    link = Link(number, anchor.text, target, parts.scheme, to_unicode(host), ascii_host, registered(ascii_host))
    return Link(number, anchor.text, target, parts.scheme, link.host, ascii_host, link.domain, _warnings(link, parts))


def to_ascii(host: str) -> str:
    """The host as it is looked up, in punycode where it has other letters."""
    try:
        return idna.encode(host, uts46=True, transitional=False).decode()
    except (idna.IDNAError, UnicodeError):
        return host.encode("ascii", "backslashreplace").decode()


def to_unicode(host: str) -> str:
    """The host as people read it."""
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


def registered(host: str) -> str:
    """The part of the host that somebody registered, or the host itself for an IP address or a bare name."""
    return _suffixes().privatesuffix(host) or host


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _as_browsers_read(target: str) -> str:
    """Browsers drop tabs and line ends anywhere, controls at the ends, and take backslashes for slashes."""
    text = re.sub(r"[\t\r\n]", "", target).strip("".join(map(chr, range(0x21))))
    if re.match(r"https?:", text, re.IGNORECASE):
        before, mark, after = text.partition("?")
        text = before.replace("\\", "/") + mark + after
        text = re.sub(r"^(https?):/*", r"\1://", text, flags=re.IGNORECASE)
    return f"https:{text}" if text.startswith("//") else text


def _split(target: str) -> SplitResult | None:
    try:
        parts = urlsplit(target)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def _not_web(scheme: str) -> tuple[str, ...]:
    if scheme in ("mailto", "tel"):
        return ()
    return (f"'{scheme}:' is no web address; a mail has no good reason for it.",)


def _warnings(link: Link, parts: SplitResult) -> tuple[str, ...]:
    found = []
    claimed = _claimed_domain(link.text, beside=link.ascii_host)
    if claimed and claimed != link.domain:
        found.append(f"The text says {claimed}, the link leads to {link.domain}.")
    if link.is_disguised:
        found.append(f"The name has letters of other alphabets{_which(link.host)}: it is really {link.ascii_host}.")
    if "@" in parts.netloc:
        found.append("What stands before the @ is no part of the address.")
    if re.fullmatch(r"[\d.]+|\[?[0-9a-f:.]*:[0-9a-f:.]*\]?", link.ascii_host):
        found.append("It leads to a number instead of a name.")
    if link.domain in SHORTENERS:
        found.append("A shortened link: nobody sees where it ends.")
    if parts.scheme == "http":
        found.append("Not encrypted (http).")
    if ACTS.search(parts.path) or ACTS.search(parts.query):
        found.append("Opening it may act for the recipient.")
    return tuple(found)


def _claimed_domain(text: str, *, beside: str) -> str:
    """The registered domain that the text names. "invoice.pdf" names none: its ending is no place in the DNS."""
    found = LOOKS_LIKE_ADDRESS.fullmatch(text.strip())
    if not found:
        return ""
    host = to_ascii(found.group(1).lower())
    is_place = _suffixes().publicsuffix(host, accept_unknown=False) or host.split(".")[-1] == beside.split(".")[-1]
    return registered(host) if is_place else ""


def _which(host: str) -> str:
    scripts = {unicodedata.name(character, "").split(" ")[0].title() for character in host if ord(character) > 127}
    return f" ({', '.join(sorted(scripts - {''}))})" if scripts else ""
