"""Where a link truly leads, in plain words. The true address is what decides; what the link says is a claim."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oversight.policy.detect.anchors import Anchor
from oversight.policy.detect.links import WEB, Destination
from oversight.policy.detect.links import look_at as destination

MOST_SHOWN = 500
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
    seen = destination(anchor)
    if not seen.scheme:
        return Link(number, anchor.text, seen.target, "", warnings=("This is no complete address.",))
    if seen.scheme not in WEB:
        return Link(number, anchor.text, seen.target, seen.scheme, warnings=_not_web(seen.scheme))
    warnings = tuple(_warnings(seen))
    return Link(number, anchor.text, seen.target, seen.scheme, seen.host, seen.ascii_host, seen.domain, warnings)


def _not_web(scheme: str) -> tuple[str, ...]:
    if scheme in ("mailto", "tel"):
        return ()
    return (f"'{scheme}:' is no web address; a mail has no good reason for it.",)


def _warnings(seen: Destination) -> Iterator[str]:
    if seen.claimed and seen.claimed != seen.domain:
        yield f"The text says {seen.claimed}, the link leads to {seen.domain}."
    if "look_alike" in seen.problems:
        yield f"The name looks like another one: it is really {seen.ascii_host}."
    if seen.host != seen.ascii_host:
        yield f"The name has letters of other alphabets{_which(seen.host)}: it is really {seen.ascii_host}."
    if seen.has_user:
        yield "What stands before the @ is no part of the address."
    if "ip_address" in seen.problems:
        yield "It leads to a number instead of a name."
    if "shortener" in seen.problems:
        yield "A shortened link: nobody sees where it ends."
    if "not_https" in seen.problems:
        yield "Not encrypted (http)."
    if seen.parts and (ACTS.search(seen.parts.path) or ACTS.search(seen.parts.query)):
        yield "Opening it may act for the recipient."


def _which(host: str) -> str:
    scripts = {unicodedata.name(character, "").split(" ")[0].title() for character in host if ord(character) > 127}
    return f" ({', '.join(sorted(scripts - {''}))})" if scripts else ""
