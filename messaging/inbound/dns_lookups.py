"""The DNS as the checks of a received mail see it: one time budget per mail, and no waiting where nobody answers."""

from __future__ import annotations

import time
from typing import Any

import dns.exception
import dns.nameserver
import dns.resolver
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

BUDGET_SECONDS = 5.0
MAX_LOOKUPS = 40
KINDS = frozenset({"A", "AAAA", "MX", "PTR", "TXT"})
OFF = "off"
PROBE_SECONDS = 1.0
# How long it is believed that the resolver answers, or does not.
ANSWERS_FOR = 300.0
SILENT_FOR = 60.0

_probed: dict[tuple[str, ...], tuple[bool, float]] = {}


class Lookups:
    """The lookups of one mail: together they take no longer than the budget."""

    def __init__(self) -> None:
        self._until = time.monotonic() + BUDGET_SECONDS
        self._count = 0

    def __call__(self, name: str, kind: str) -> list[Any] | None:
        """The records: bytes for TXT, (preference, host) for MX, text for the rest; None: nobody answered in time."""
        self._count += 1
        left = self._until - time.monotonic()
        if kind not in KINDS or self._count > MAX_LOOKUPS or left <= 0 or not is_answering():
            return [] if kind == "SPF" else None
        try:
            answer = _resolver().resolve(name, kind, lifetime=left, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError):
            return None
        return [_content(record, kind) for record in answer]


def is_off() -> bool:
    """Whether the operator said that there is no DNS to ask."""
    return list(settings.DNS_RESOLVERS) == [OFF]


def is_answering() -> bool:
    """Whether a resolver answers at all: asked for the root's own name servers, which every resolver knows."""
    key = tuple(settings.DNS_RESOLVERS)
    answers, until = _probed.get(key, (False, 0.0))
    if time.monotonic() >= until:
        answers = _probe()
        _probed[key] = answers, time.monotonic() + (ANSWERS_FOR if answers else SILENT_FOR)
        if not answers:
            log.warning("dns.silent", resolvers=key)
    return answers


def _probe() -> bool:
    try:
        _resolver().resolve(".", "NS", lifetime=PROBE_SECONDS, search=False, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return True
    except (dns.exception.DNSException, OSError):
        return False
    return True


def _resolver() -> dns.resolver.Resolver:
    given = list(settings.DNS_RESOLVERS)
    resolver = dns.resolver.Resolver(configure=not given)
    if given:
        resolver.nameservers = [_nameserver(text) for text in given]
    return resolver


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    """`192.0.2.1`, `192.0.2.1:5353` or `2001:db8::1`."""
    host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    return dns.nameserver.Do53Nameserver(host, int(port or 53))


def _content(record: Any, kind: str) -> Any:
    if kind == "TXT":
        return b"".join(record.strings)
    if kind == "MX":
        return record.preference, record.exchange.to_text(omit_final_dot=True)
    if kind == "PTR":
        return record.target.to_text(omit_final_dot=True)
    return record.address
