"""The DNS as the checks of received mail see it: one time budget for a batch of mails, every question once and all at
the same time, and no waiting where nobody answers. Answers are kept as long as their owners allow, a minute at most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver
import structlog
from django.conf import settings

from .checks import Question

log = structlog.get_logger(__name__)

BUDGET_SECONDS = 5.0
MAX_LOOKUPS = 40
KINDS = frozenset({"A", "AAAA", "MX", "PTR", "TXT"})
OFF = "off"
PROBE_SECONDS = 1.0
# How long it is believed that the resolver answers, or does not.
ANSWERS_FOR = 300.0
SILENT_FOR = 60.0
# How long a record is believed at most, and how long that there was no answer to a question (RFC 9520).
KEPT_FOR = 60.0
FAILURE_KEPT_FOR = 5.0
MAX_KEPT = 10_000

R = TypeVar("R", bound=dns.resolver.BaseResolver)

_probed: dict[tuple[str, ...], tuple[bool, float]] = {}
_kept: dict[tuple[tuple[str, ...], Question], tuple[list[Any] | None, float]] = {}


class Lookups:
    """The lookups of one mail: `known` says what was answered, None where nobody did in time."""

    def __init__(self, known: Mapping[Question, list[Any] | None]) -> None:
        self.known = dict(known)

    def refuse(self, question: Question) -> bool:
        """Whether this is not asked: a type that no check needs, or more than a mail may ask. Then it is answered."""
        if question[1] in KINDS and len(self.known) < MAX_LOOKUPS:
            return False
        self.known[question] = [] if question[1] == "SPF" else None
        return True


def kept(question: Question) -> dict[Question, list[Any] | None]:
    """The answer to a question if it was asked lately and is still good; nobody is asked."""
    content, good_until = _kept.get((tuple(settings.DNS_RESOLVERS), question), (None, 0.0))
    return {question: content} if good_until > time.monotonic() else {}


def ask_all(wanted: Sequence[tuple[Lookups, Sequence[Question]]], *, seconds: float) -> None:
    """Answer all these questions, each asked once and all at the same time, within `seconds`."""
    answered: dict[Question, list[Any] | None] = {}
    open_ones: list[tuple[Lookups, Question]] = []
    for lookups, questions in wanted:
        open_ones += [(lookups, question) for question in questions if not lookups.refuse(question)]
    if open_ones:
        answered = _answer({question for _, question in open_ones}, seconds=seconds)
    for lookups, question in open_ones:
        lookups.known[question] = answered[question]


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


def _answer(questions: set[Question], *, seconds: float) -> dict[Question, list[Any] | None]:
    servers = tuple(settings.DNS_RESOLVERS)
    answered: dict[Question, list[Any] | None] = {}
    for question in questions:
        answered |= kept(question)
    rest = [question for question in questions if question not in answered]
    if not rest:
        return answered
    if not is_answering():
        return answered | dict.fromkeys(rest)
    found = asyncio.run(_resolve_all(rest, seconds=seconds))
    if len(_kept) > MAX_KEPT:
        _kept.clear()
    _kept.update({(servers, question): answer for question, answer in found.items()})
    return answered | {question: content for question, (content, _) in found.items()}


async def _resolve_all(
    questions: Sequence[Question], *, seconds: float
) -> dict[Question, tuple[list[Any] | None, float]]:
    asked = resolver(dns.asyncresolver.Resolver)
    answers = await asyncio.gather(*(_resolve(asked, *question, seconds=seconds) for question in questions))
    return dict(zip(questions, answers, strict=True))


async def _resolve(
    resolver: dns.asyncresolver.Resolver, name: str, kind: str, *, seconds: float
) -> tuple[list[Any] | None, float]:
    """The records, and until when they are to be believed."""
    content: list[Any] | None = None
    keeps_for = FAILURE_KEPT_FOR
    try:
        if seconds > 0:
            answer = await resolver.resolve(name, kind, lifetime=seconds, search=False, raise_on_no_answer=False)
            content = [_content(record, kind) for record in answer]
            keeps_for = min(answer.expiration - time.time(), KEPT_FOR)
    except dns.resolver.NXDOMAIN:
        content = []
    except (dns.exception.DNSException, OSError, UnicodeError, ValueError):
        pass  # nobody answered, or not in a way that can be read
    return content, time.monotonic() + keeps_for


def _probe() -> bool:
    try:
        resolver(dns.resolver.Resolver).resolve(
            ".", "NS", lifetime=PROBE_SECONDS, search=False, raise_on_no_answer=False
        )
    except dns.resolver.NXDOMAIN:
        return True
    except (dns.exception.DNSException, OSError):
        return False
    return True


def resolver(kind: type[R]) -> R:
    """A resolver that asks the servers of the setting DNS_RESOLVERS, or the system's."""
    given = list(settings.DNS_RESOLVERS)
    made = kind(configure=not given)
    if given:
        made.nameservers = [_nameserver(text) for text in given]
    return made


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
