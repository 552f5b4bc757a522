"""Who sent a received mail, as far as SPF, DKIM and DMARC can tell. A failure is a result: mail is never kept waiting.

With `DNS_RESOLVERS=off` nothing is asked and everything is `none`; where no resolver answers it is `temperror`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.conf import settings

from messaging.mime.types import Parsed
from messaging.models import RawMessage

from . import dns_lookups, parser_process
from .checks import TEMPERROR, Checks, Question, Sender
from .parser_process import Authentication

RESULTS_HEADER = "Authentication-Results"
MAX_ROUNDS = dns_lookups.MAX_LOOKUPS + 2
_UNSAFE = re.compile(r"[^\x21-\x3a\x3c-\x7e]")
_SERVER = re.compile(r"\s*(?:\([^()]*\)\s*)*([^\s;()]+)")


def check(raw_message: RawMessage, parsed: Parsed) -> Checks:
    """The results for one received mail, as `check_all` has them."""
    (checks,) = check_all([(raw_message, parsed)])
    return checks


def check_all(mails: Sequence[tuple[RawMessage, Parsed]]) -> list[Checks]:
    """The results for received mails. Never raises for what a mail holds.

    Network and processor time are bounded, and the network's for all of them together: everything that is missing is
    asked for at once, so a mail whose domain is slow to answer does not keep the others waiting in a row.
    """
    if dns_lookups.is_off():
        return [Checks() for _ in mails]
    lookups = [dns_lookups.Lookups(_known_of(parsed)) for _, parsed in mails]
    results: list[Checks | None] = [None for _ in mails]
    open_ones, seconds = list(range(len(mails))), dns_lookups.BUDGET_SECONDS
    for _ in range(MAX_ROUNDS):
        if not open_ones:
            break
        asked = [
            Authentication(bytes(mails[one][0].raw), _sender(*mails[one]), lookups[one].known) for one in open_ones
        ]
        answers = zip(open_ones, parser_process.authenticate_all(asked), strict=True)
        missing = {one: names for one, (results[one], names) in answers if names}
        began = time.monotonic()
        dns_lookups.ask_all([(lookups[one], names) for one, names in missing.items()], seconds=seconds)
        seconds -= time.monotonic() - began
        open_ones = list(missing)
    return [checks or Checks(spf=TEMPERROR, dmarc=TEMPERROR) for checks in results]


def as_json(checks: Checks) -> dict[str, Any]:
    """The form in `Message.sender_checks`."""
    return asdict(checks) | {"dkim": [asdict(signature) for signature in checks.dkim]}


def results_header(checks: Checks) -> str:
    """The value of our Authentication-Results header (RFC 8601)."""
    parts = [f"spf={checks.spf}" + _property("smtp.mailfrom", checks.spf_domain)]
    parts += [
        f"dkim={signature.result}" + _property("header.d", signature.domain) + _property("header.s", signature.selector)
        for signature in checks.dkim
    ] or ["dkim=none"]
    parts.append(f"dmarc={checks.dmarc}")
    return "; ".join([settings.MAIL_HOST, *parts])


def without_forged_results(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers without results that claim to be ours (RFC 8601 section 5): nobody but us writes those."""
    return [(name, value) for name, value in headers if not _claims_to_be_ours(name, value)]


def _sender(raw_message: RawMessage, parsed: Parsed) -> Sender:
    return Sender(
        peer=raw_message.peer,
        helo=raw_message.helo,
        envelope_sender=raw_message.envelope_sender,
        header_from=parsed.header_from.address if parsed.header_from else None,
    )


def _known_of(parsed: Parsed) -> dict[Question, list[Any] | None]:
    """The question that every mail leads to, if it was answered lately: one round less."""
    domain = parsed.header_from.address.rpartition("@")[2].lower() if parsed.header_from else ""
    return dns_lookups.kept((f"_dmarc.{domain}", "TXT"))


def _claims_to_be_ours(name: str, value: str) -> bool:
    if name.lower() != RESULTS_HEADER.lower():
        return False
    server = _SERVER.match(value)
    # What names no server can't be told from ours by a careless reader.
    return server is None or server.group(1).strip('"').lower().rstrip(".") == settings.MAIL_HOST.lower()


def _property(name: str, value: str) -> str:
    return f" {name}={_UNSAFE.sub('', value)}" if value else ""
