"""What the tests of the mime package share: mail as others write it, and one draft of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from messaging.mime.build import build
from messaging.mime.types import Address, Draft

EML = Path(__file__).parent.parent / "data" / "eml"
ALICE = Address("alice@agents.example", "Alice's Agent")
DRAFT = Draft(mailbox_id=UUID(int=1), to=("bob@b.example",), subject="Hello", body_text="Hi Bob,\n\nbye.\n")


def sample(name: str) -> bytes:
    return (EML / f"{name}.eml").read_bytes()


def mail(*headers: str, body: bytes = b"Hello\r\n", sender: str = "From: a@b.example") -> bytes:
    return "".join(f"{header}\r\n" for header in (sender, *headers) if header).encode() + b"\r\n" + body


def wire(draft: Draft = DRAFT, **changes: Any) -> bytes:
    given_values: dict[str, Any] = {
        "header_from": ALICE,
        "message_id": "<0192@agents.example>",
        "date": datetime(2026, 5, 1, 12, 30, tzinfo=UTC),
        "references": (),
    } | changes
    return build(draft, **given_values)
