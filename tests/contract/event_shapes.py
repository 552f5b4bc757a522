"""The contract's five events (its section 9), field by field."""

from __future__ import annotations

from typing import Any

from .shapes import EMAIL, ID, MOMENT, TEXT, WHOLE, Absent, Kind, Maybe, one_of

FILE = {
    "id": ID,
    "filename": TEXT,
    "content_type": TEXT,
    "size_bytes": WHOLE,
    "content_id": Maybe(TEXT),
    "download_url": TEXT,
}
RECEIVED = {
    "message_id": ID,
    "mailbox_id": ID,
    "mailbox_address": EMAIL,
    "from": EMAIL,
    "to": [EMAIL],
    "cc": [EMAIL],
    "subject": TEXT,
    "body_text": TEXT,
    "body_html": Maybe(TEXT),
    "thread_id": Maybe(ID),
    "in_reply_to": Maybe(TEXT),
    "headers": Kind("object", lambda value: isinstance(value, dict)),
    "received_at": MOMENT,
    "attachments": [FILE],
}
WITHHELD = {
    "over_limit": one_of(True),
    "message_id": ID,
    "mailbox_id": ID,
    "mailbox_address": EMAIL,
    "received_at": MOMENT,
    "account": {
        "inbound_usage": {"current": WHOLE, "limit": WHOLE, "percentage": WHOLE, "reset_date": TEXT, "status": TEXT},
        "upgrade": {"browser_url": TEXT, "api_endpoint": {"method": TEXT, "path": TEXT}, "hint": TEXT},
    },
    "from": Absent(),
    "subject": Absent(),
}
OF_MESSAGE = {
    "message_id": ID,
    "mailbox_id": ID,
    "mailbox_address": EMAIL,
    "rfc_message_id": TEXT,
    "thread_id": Maybe(ID),
    "from": EMAIL,
    "to": [EMAIL],
    "cc": [EMAIL],
    "subject": TEXT,
    "in_reply_to": Maybe(TEXT),
}
DATA: dict[str, dict[str, Any]] = {
    "message.received": RECEIVED,
    "message.sent": OF_MESSAGE | {"sent_at": MOMENT},
    "message.delivered": OF_MESSAGE | {"delivered_at": MOMENT, "recipient": EMAIL},
    "message.bounced": OF_MESSAGE | {"bounced_at": MOMENT, "recipients": [EMAIL], "bounce_type": TEXT, "reason": TEXT},
    "message.complaint": OF_MESSAGE | {"complained_at": MOMENT, "recipients": [EMAIL]},
}


def envelope(kind: str, *, is_withheld: bool = False) -> dict[str, Any]:
    """The shape of an event of that kind, the same on the stream, the socket, the log and in a webhook's body."""
    data = WITHHELD if is_withheld else DATA[kind]
    return {"id": ID, "event": one_of(kind), "timestamp": MOMENT, "data": data}
