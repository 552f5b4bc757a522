"""The return path of each recipient's copy: a token only we can make, so that a bounce proves what it is about (I30).

`b+<token>@domain`: recipient id, day of expiry and 96 bits of HMAC-SHA-256, in 48 letters and digits that survive any
change of case.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import date, timedelta
from uuid import UUID

PREFIX = "b+"
_EPOCH = date(2020, 1, 1)
_MAX_DAYS = 0xFFFF
_MAC_OCTETS = 12
_WHOLLY_OF_THE_ID = 25  # characters of base 32 that hold nothing but the recipient's id
_PURPOSE = b"gatepost return path 1"
_LOCAL_PART = re.compile(r"b\+([a-z2-7]{48})", re.IGNORECASE)


def make_token(secret: bytes, recipient_id: UUID, *, expires: date) -> str:
    """The token for one recipient, 48 characters; the local part is `PREFIX` and the token, 50 of 64 allowed octets."""
    days = (expires - _EPOCH).days
    if not 0 <= days <= _MAX_DAYS:
        raise ValueError("expires lies outside the years a token can name")
    payload = recipient_id.bytes + days.to_bytes(2, "big")
    return base64.b32encode(payload + _mac(secret, payload)).decode("ascii").lower()


def beginning(recipient_id: UUID) -> str:
    """What every return path of this recipient begins with, whenever it was made; 27 characters."""
    return PREFIX + base64.b32encode(recipient_id.bytes).decode("ascii").lower()[:_WHOLLY_OF_THE_ID]


def read_token(secret: bytes, local_part: str, *, today: date) -> UUID | None:
    """The recipient whose return path `local_part` is, or None for anything we did not make or that has expired."""
    token = find_token(local_part)
    if token is None:
        return None
    content = base64.b32decode(token.upper())
    payload, mac = content[:-_MAC_OCTETS], content[-_MAC_OCTETS:]
    if not hmac.compare_digest(mac, _mac(secret, payload)):
        return None
    if today > _EPOCH + timedelta(days=int.from_bytes(payload[16:], "big")):
        return None
    return UUID(bytes=payload[:16])


def find_token(address: str) -> str | None:
    """The token in a return path (address or local part), in lower case and not yet proved; None if there is none."""
    local, _, _ = address.strip().strip("<>").partition("@")
    found = _LOCAL_PART.fullmatch(local)
    return found.group(1).lower() if found else None


def _mac(secret: bytes, payload: bytes) -> bytes:
    return hmac.new(secret, _PURPOSE + payload, hashlib.sha256).digest()[:_MAC_OCTETS]
