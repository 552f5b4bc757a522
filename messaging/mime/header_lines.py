"""Header lines are written here and nowhere else: printable ASCII passes, and nothing begins a line of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from messaging.mime.refusals import WireDefect
from messaging.mime.wire import MAX_LINE

PRINTABLE = re.compile(r"[ -~]*")

_FOLD_AT = 78
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")


def header(name: str, words: Iterable[str]) -> str:
    """One header with its line end, folded between words."""
    if not _NAME.fullmatch(name):
        raise WireDefect("header name")
    lines = [f"{name}:"]
    for word in words:
        if not PRINTABLE.fullmatch(word):
            raise WireDefect(f"character in {name}")
        # The first word stays beside the name unless the line would break the hard limit: some programs read an
        # empty first line as an empty header.
        limit = MAX_LINE if lines[-1] == f"{name}:" else _FOLD_AT
        if len(lines[-1]) + 1 + len(word) <= limit:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return "\r\n".join(lines) + "\r\n"


def quoted(text: str) -> str:
    """A quoted string (RFC 5322 section 3.2.4) of printable ASCII."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
