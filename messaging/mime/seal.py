"""The seal: one hash over everything a decision is about. Changed content, recipients or time change the seal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime


def seal(*, header_from: str, recipients: Sequence[tuple[str, str]], send_at: datetime | None, raw: bytes) -> str:
    """Hex SHA-256 over canonical JSON of sender, (kind, address) of every recipient, time, and the hash of the bytes.

    `raw` are the wire bytes without DKIM-Signature. The order of recipients does not matter; `send_at` must be aware.
    """
    if send_at is not None and send_at.tzinfo is None:
        raise ValueError("send_at must carry its time zone: a naive time has no one meaning to seal")
    content = {
        "header_from": header_from,
        "recipients": sorted([str(kind), address] for kind, address in recipients),
        "send_at": None if send_at is None else send_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    canonical_json = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical_json.encode("ascii")).hexdigest()
