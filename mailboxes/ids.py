"""UUIDv7 identifiers (RFC 9562, section 5.7): ordered by the millisecond they were made in, 74 random bits."""

from __future__ import annotations

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """A fresh UUIDv7. Order within one millisecond is random: never sort by it where order is a promise."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def parse_id(text: object) -> UUID | None:
    """The UUID written in `text`, or None for anything else: a malformed id is an unknown id, never an error."""
    if isinstance(text, UUID):
        return text
    try:
        parsed = UUID(str(text))
    except ValueError:
        return None
    return parsed if str(parsed) == str(text).lower() else None
