"""The wire form of a mail, checked: what may be given to a transport, and nothing else (reliability F3, F4, F7)."""

from __future__ import annotations

import re
from collections import Counter

from messaging.mime.refusals import WireDefect

MAX_LINE = 998  # RFC 5322 section 2.1.1, without CRLF

_HEADER = re.compile(rb"([A-Za-z0-9-]{1,64}):(?: [ -~]*)?(?:\r\n[ \t][ \t]*[!-~][\t -~]*)*\r\n")
_EXACTLY_ONE = ("from", "date", "message-id", "subject")
_AT_MOST_ONE = (
    *("to", "cc", "sender", "reply-to", "in-reply-to", "references", "mime-version", "content-type"),
    *("content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post"),
)
_NEVER = ("bcc", "resent-to", "resent-cc", "resent-bcc", "return-path")


def check_wire(raw: bytes) -> None:
    """Raises WireDefect unless `raw` is seven-bit, CRLF only, lines of at most 998, with one sound header block."""
    _check_octets(raw)
    _check_headers(raw)


def _check_octets(raw: bytes) -> None:
    ends = raw.count(b"\r\n")
    if raw.count(b"\r") != ends or raw.count(b"\n") != ends:
        raise WireDefect("bare CR or LF")
    if not raw.isascii() or b"\x00" in raw:
        raise WireDefect("octets beyond seven bits, or NUL")
    if not raw.endswith(b"\r\n"):
        raise WireDefect("no line end at the end")
    if _has_long_line(raw):
        raise WireDefect(f"line over {MAX_LINE} octets")


def _has_long_line(raw: bytes) -> bool:
    """From line end to line end, as far as each reaches at once: a mail of 35 MB is not cut into half a million."""
    position = 0
    while position < len(raw):
        last = raw.rfind(b"\r\n", position, position + MAX_LINE + 2)
        if last < 0:
            return True
        position = last + 2
    return False


def _check_headers(raw: bytes) -> None:
    names: Counter[str] = Counter()
    position = 0
    while found := _HEADER.match(raw, position):
        names[found.group(1).decode("ascii").lower()] += 1
        position = found.end()
    if not raw.startswith(b"\r\n", position):
        raise WireDefect("malformed header line")
    for name in _EXACTLY_ONE:
        if names[name] != 1:
            raise WireDefect(f"{names[name]} {name} headers")
    for name in _AT_MOST_ONE:
        if names[name] > 1:
            raise WireDefect(f"{names[name]} {name} headers")
    for name in _NEVER:
        if name in names:
            raise WireDefect(f"a {name} header")
