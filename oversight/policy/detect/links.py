"""Where links truly lead, and what speaks against them. The true address is what decides; the text is a claim."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from oversight.policy.types import Link

from . import anchors, hosts
from .anchors import Anchor
from .look_alikes import is_ascii_in_disguise, is_mixed, skeleton
from .material import Material
from .plain import plain

WEB = ("http", "https")
LONGEST_TARGET = 4000  # characters of an address that are looked at
MOST_EXAMINED, MOST_TOLD, TEXT_TOLD = 5_000, 100, 200
BRANDS = frozenset(
    {"paypal.com", "apple.com", "icloud.com", "google.com", "microsoft.com", "office.com", "outlook.com", "amazon.com"}
    | {"facebook.com", "instagram.com", "linkedin.com", "whatsapp.com", "netflix.com", "dropbox.com", "docusign.com"}
    | {"github.com", "gitlab.com", "slack.com", "zoom.us", "stripe.com", "coinbase.com", "binance.com", "adobe.com"}
    | {"dhl.com", "ups.com", "fedex.com", "usps.com", "wise.com", "revolut.com", "ebay.com", "openai.com"}
)
_LOOKS_LIKE_ADDRESS = re.compile(r"(?:https?://)?((?:[\w-]{1,63}\.){1,20}[\w-]{2,63})(?:[/:?#]\S*)?", re.IGNORECASE)
_CONTROLS = "".join(map(chr, range(0x21)))


@dataclass(frozen=True, slots=True)
class Known:
    """Domains that a host may pretend to be: the account's own, and those of the recipients."""

    own: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()


NOBODY = Known()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a link leads, read as a browser reads it.

    `host` as people read it, `ascii_host` as it is looked up, `domain` the registered part; "" where it is no web
    address. `claimed` is the registered domain that its text names. `problems` are of LINK_PROBLEMS.
    """

    target: str
    scheme: str = ""
    parts: SplitResult | None = None
    host: str = ""
    ascii_host: str = ""
    domain: str = ""
    claimed: str = ""
    problems: tuple[str, ...] = ()

    @property
    def has_user(self) -> bool:
        return self.parts is not None and "@" in self.parts.netloc


def find(material: Material, known: Known = NOBODY) -> tuple[Link, ...]:
    """The links to the web, those with problems first; of bare names only those that pretend. At most MOST_TOLD."""
    found = [*_links(material, known), *_pretenders(material, known)]
    found.sort(key=lambda link: not link.problems)
    return tuple(dict.fromkeys(found))[:MOST_TOLD]


def is_more(material: Material) -> bool:
    """True if it has more links than are examined."""
    return sum(1 for _ in anchors.find(material)) > MOST_EXAMINED


def look_at(anchor: Anchor, known: Known = NOBODY) -> Destination:
    """One link, read as a browser reads it."""
    target = as_browsers_read(anchor.target[:LONGEST_TARGET])
    parts = _split(target)
    if parts is None or not parts.scheme:
        return Destination(target)
    if parts.scheme not in WEB:
        return Destination(target, parts.scheme, parts)
    host = (parts.hostname or "").rstrip(".")
    ascii_host = hosts.to_ascii(host)
    domain = hosts.registered(ascii_host)
    claimed = _claimed_domain(anchor.text, beside=ascii_host)
    seen = Destination(target, parts.scheme, parts, hosts.to_unicode(host), ascii_host, domain, claimed)
    return Destination(
        target, parts.scheme, parts, seen.host, ascii_host, domain, claimed, tuple(_problems(seen, known))
    )


def as_browsers_read(target: str) -> str:
    """Browsers drop tabs and line ends anywhere, controls at the ends, and take backslashes for slashes."""
    text = re.sub(r"[\t\r\n]", "", target).strip(_CONTROLS)
    if re.match(r"https?:", text, re.IGNORECASE):
        before, mark, after = text.partition("?")
        text = before.replace("\\", "/") + mark + after
        text = re.sub(r"^(https?):/*", r"\1://", text, flags=re.IGNORECASE)
    return f"https:{text}" if text.startswith("//") else text


def pretends(ascii_host: str, known: Known = NOBODY) -> bool:
    """True if the host looks like one of the known ones or of a brand, or puts such a name before its own."""
    models = _models(known)
    domain = hosts.registered(ascii_host)
    if domain in models.trusted:
        return False
    label = _label(domain)
    if models.labels.get(skeleton(label), frozenset()) - {label}:
        return True
    before = ascii_host.removesuffix(domain).rstrip(".").split(".")
    return any(".".join(before[at : at + size]) in models.domains for size in (2, 3) for at in range(len(before)))


@dataclass(frozen=True, slots=True)
class _Models:
    """Domains that are trusted, those that may be imitated, and what labels of the latter look alike."""

    trusted: frozenset[str]
    domains: frozenset[str]
    labels: Mapping[str, frozenset[str]]


@lru_cache(maxsize=256)
def _models(known: Known) -> _Models:
    trusted = frozenset(map(hosts.registered, known.own)) | BRANDS
    domains = trusted | frozenset(map(hosts.registered, known.recipients))
    labels: dict[str, frozenset[str]] = {}
    for label in map(_label, domains):
        if len(label) > 2:
            labels[skeleton(label)] = labels.get(skeleton(label), frozenset()) | {label}
    return _Models(trusted, domains, labels)


def _label(domain: str) -> str:
    return hosts.to_unicode(domain).split(".")[0]


def _problems(seen: Destination, known: Known) -> Iterator[str]:
    if pretends(seen.ascii_host, known):
        yield "look_alike"
    if seen.has_user or (seen.claimed and seen.claimed != seen.domain):
        yield "text_differs"
    if _is_mixed(seen.host):
        yield "mixed_script"
    if hosts.is_number(seen.ascii_host):
        yield "ip_address"
    if seen.domain in hosts.SHORTENERS:
        yield "shortener"
    if seen.scheme == "http":
        yield "not_https"


def _is_mixed(host: str) -> bool:
    *labels, ending = host.split(".")
    return any(is_mixed(label) or (ending.isascii() and is_ascii_in_disguise(label)) for label in labels)


def _links(material: Material, known: Known) -> Iterator[Link]:
    distinct = dict.fromkeys(anchors.find(material))
    for anchor, _ in zip(distinct, range(MOST_EXAMINED), strict=False):
        seen = look_at(anchor, known)
        if seen.ascii_host:
            yield Link(plain(anchor.text)[:TEXT_TOLD], seen.ascii_host, seen.problems)


def _pretenders(material: Material, known: Known) -> Iterator[Link]:
    texts: Iterable[str] = (material.subject, material.text)
    distinct = dict.fromkeys(name for text in texts for name in anchors.names(text))
    for name, _ in zip(distinct, range(MOST_EXAMINED), strict=False):
        host = hosts.to_ascii(name.lower())
        if not hosts.is_place(host):
            continue
        problems = [problem for problem, is_so in _of_names(host, known) if is_so]
        if problems:
            yield Link(name[:TEXT_TOLD], host, tuple(problems))


def _of_names(host: str, known: Known) -> tuple[tuple[str, bool], ...]:
    return ("look_alike", pretends(host, known)), ("mixed_script", _is_mixed(hosts.to_unicode(host)))


def _split(target: str) -> SplitResult | None:
    try:
        parts = urlsplit(target)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def _claimed_domain(text: str, *, beside: str) -> str:
    """The registered domain that the text names. "invoice.pdf" names none: its ending is no place in the DNS."""
    found = _LOOKS_LIKE_ADDRESS.fullmatch(text.strip())
    if not found:
        return ""
    host = hosts.to_ascii(found.group(1).lower())
    is_there = hosts.is_place(host) or host.split(".")[-1] == beside.split(".")[-1]
    return hosts.registered(host) if is_there else ""
