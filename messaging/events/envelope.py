"""The texts that agents are told: `data` of an event about a message, and the envelope around any `data`.

Stored JSON is put into them as it stands. No text has a line break, nor a character that some reader of streams takes
for one; none is longer than a stream's client takes.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings

from mailboxes.api.fields import moment_text
from mailboxes.inbound_usage import InboundUsage

# Clients break a stream off at an event of 1 MiB; the rest is for the frame's other lines. Counted in UTF-8.
MOST_BYTES = 1024 * 1024 - 1024
# Line breaks to Unicode, and so to readers that split by its rules; JSON lets them stand.
BREAKS = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
GROWN = {character: len(escaped) - len(character.encode()) for character, escaped in BREAKS.items()}
MOST_OF_A_CHARACTER = 6

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def enveloped(event_id: UUID, kind: str, at: datetime, data: str) -> str:
    """One line of JSON: id, event, timestamp, data. `data` is the text of an object."""
    text = f'{{"id":"{event_id}","event":"{kind}","timestamp":"{moment_text(at)}","data":{data}}}'
    if not text.isascii():
        for character, escaped in BREAKS.items():
            text = text.replace(character, escaped)
    return text


def members(facts: Mapping[str, object]) -> str:
    """The inside of an object with these members."""
    return _encode(facts)[1:-1]


def joined(*parts: str) -> str:
    """One object of the insides of several."""
    return "{" + ",".join(filter(None, parts)) + "}"


def inside(stored: str) -> str:
    """The inside of a stored object."""
    return stored[1:-1]


def fits(data: str) -> bool:
    """Whether the text is short enough for every way in which it is told."""
    return len(data) * MOST_OF_A_CHARACTER <= MOST_BYTES or size(data) <= MOST_BYTES


def size(text: str) -> int:
    """Its length in UTF-8, with line breaks of Unicode as they are escaped at the end."""
    if text.isascii():
        return len(text)
    return len(text.encode()) + sum(text.count(one) * grown for one, grown in GROWN.items())


def text_size(text: str) -> int:
    """How many bytes the text takes inside of a JSON string."""
    return size(_encode(text)) - 2


def cut(text: str, room: int) -> str:
    """The longest beginning of the text that takes no more than `room` bytes inside of a JSON string."""
    lengths = range(min(len(text), room) + 1)
    return text[: bisect_right(lengths, room, key=lambda length: text_size(text[:length])) - 1]


def usage(now_used: InboundUsage) -> dict[str, object]:
    """The month's received mail against its limit, as events tell it."""
    return {
        "current": now_used.current,
        "limit": now_used.limit,
        "percentage": now_used.percentage,
        "reset_date": moment_text(now_used.resets_at),
        "status": now_used.status,
    }


def upgrade() -> dict[str, object]:
    """Where the limit is raised, as events tell it."""
    return {
        "browser_url": f"{settings.PUBLIC_URL}/billing",
        "api_endpoint": {"method": "POST", "path": "/v1/billing/upgrade"},
        "hint": "Raises the limits of the account; what is withheld is unlocked where it is.",
    }
