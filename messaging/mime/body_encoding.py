"""Transfer encodings (RFC 2045 section 6): the one that survives every road outwards, any of them inwards."""

from __future__ import annotations

import binascii
import re

_LINE = 76  # RFC 2045 section 6.7 (5) and 6.8
# Lines a relay may touch, which would break the signature or worse: a leading dot (end of data, when stuffing fails),
# a leading "From " (mailbox files put ">" before it), space at the end (some strip it), more than 78 characters.
_UNTOUCHED = re.compile(rb"(?:(?!\.|From )(?:[\t -~]{0,77}[!-~])?\r\n)*")
_TOUCHY_START = re.compile(rb"^(?:\.|From )", re.MULTILINE)
_IDENTITY = frozenset({"", "7bit", "8bit", "binary"})
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))


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
    return "base64", base64_lines(content)


def base64_lines(content: bytes) -> bytes:
    """Base64 in lines of 76, each with its end. In blocks: a large file is not cut into a line's worth of objects."""
    step = _LINE // 4 * 3 * 1024
    view = memoryview(content)
    return b"".join(_block(view[start : start + step]) for start in range(0, len(content), step)) or b"\r\n"


def _block(content: memoryview) -> bytes:
    encoded = binascii.b2a_base64(content, newline=False)
    lines = (encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE))
    return b"\r\n".join(lines) + b"\r\n"


def decode_body(content: bytes, encoding: str | None) -> tuple[bytes, bool]:
    """(octets, True if there was one way to read them). Unknown encodings leave the content as it came."""
    name = (encoding or "").partition(";")[0].strip().lower()
    if name in _IDENTITY:
        return content, True
    if name == "quoted-printable":
        return binascii.a2b_qp(content), True
    if name == "base64":
        return _from_base64(content)
    return content, False


def _from_base64(content: bytes) -> tuple[bytes, bool]:
    """Characters outside the alphabet are skipped (RFC 2045); what follows the padding is read by some, not by us."""
    symbols = content.translate(None, _NOT_BASE64)
    data, _, rest = symbols.partition(b"=")
    is_certain = not rest.strip(b"=") and len(data) % 4 != 1
    if len(data) % 4 == 1:
        data = data[:-1]
    return binascii.a2b_base64(data + b"==="[: -len(data) % 4]), is_certain


def _quote_first(found: re.Match[bytes]) -> bytes:
    start = found.group()
    return b"=%02X" % start[0] + start[1:]
