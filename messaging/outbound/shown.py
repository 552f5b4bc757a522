"""The fields of a message that people are shown, as one hash kept beside the seal: who approves what they read approves
the bytes only as long as both say the same.

The seal is over the bytes that leave. A row that is changed past our verbs would show something else than they say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from messaging.mime.types import OutgoingFile
from messaging.models import Attachment, Message

SHOWN = (
    *("message_id", "in_reply_to", "references", "from_address", "from_name"),
    *("to_addresses", "cc_addresses", "bcc_addresses", "reply_to"),
    *("subject", "body_text", "body_html", "headers"),
)


def digest(message: Message, files: Iterable[OutgoingFile | Attachment]) -> str:
    """Hex SHA-256 over canonical JSON of what is shown of the message and its files."""
    fields: dict[str, object] = {name: getattr(message, name) for name in SHOWN}
    fields["files"] = sorted([one.filename, one.content_type, one.sha256, one.content_id or ""] for one in files)
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def differs(message: Message, kept: str) -> bool:
    """Whether what is shown now is not what was sealed. Of a revision that kept no digest nothing is known: False."""
    return bool(kept) and digest(message, Attachment.objects.filter(message=message)) != kept
