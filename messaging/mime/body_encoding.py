"""Transfer encodings of outgoing text: plain where that is safe on every road, else quoted-printable or base64."""

from __future__ import annotations

import base64
import binascii
import re

_LINE = 76  # RFC 2045 section 6.7 (5) and 6.8
# Lines a relay may touch, which would break the signature or worse: a leading dot (end of data, when stuffing fails),
# a leading "From " (mailbox files put ">" before it), space at the end (some strip it), more than 78 characters.
_UNTOUCHED = re.compile(rb"(?:(?!\.|From )(?:[\t -~]{0,77}[!-~])?\r\n)*")
_TOUCHY_START = re.compile(rb"^(?:\.|From )", re.MULTILINE)


def encode_body(text: str) -> tuple[str, bytes]:
    """(Content-Transfer-Encoding, lines with CRLF): seven-bit octets, no line over 78, none with a dot in front."""
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    if not unix.endswith("\n"):
        unix += "\n"
    content = unix.replace("\n", "\r\n").encode()
    if content.isascii() and _UNTOUCHED.fullmatch(content):
        return "7bit", content
    quoted = binascii.b2a_qp(content)
    if len(quoted) * 3 <= len(content) * 4:
        return "quoted-printable", _TOUCHY_START.sub(_quote_first, quoted)
    return "base64", _in_lines(base64.b64encode(content))


def _quote_first(found: re.Match[bytes]) -> bytes:
    start = found.group()
    return b"=%02X" % start[0] + start[1:]


def _in_lines(encoded: bytes) -> bytes:
    lines = (encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE))
    return b"\r\n".join(lines) + b"\r\n"
