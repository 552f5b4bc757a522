"""`data` of the events about messages (contracts/robotomail.md, section 9), from the messages as they are now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from mailboxes.api.fields import moment_text
from mailboxes.inbound_usage import InboundUsage
from messaging.attachments import signed_links
from messaging.models import Attachment, Message

from . import envelope
from .entries import Entry
from .message_rows import MessageRow, Rows

HEALTHY = "healthy"
TIMED = {
    "message.sent": "sent_at",
    "message.delivered": "delivered_at",
    "message.bounced": "bounced_at",
    "message.complaint": "complained_at",
    "message.unlocked": "unlocked_at",
}
OF_ONE_RECIPIENT = frozenset({"message.delivered", "message.bounced", "message.complaint"})


@dataclass(frozen=True, slots=True)
class _Shown:
    """What of a received mail is told; `headers` is the text of an object."""

    text: str
    html: str | None
    headers: str
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Payloads:
    """Makes the texts for one batch of one account's events. `usage` is there if any of them is about received mail."""

    rows: Rows
    usage: InboundUsage | None
    now: datetime

    def of_sent(self, event: Entry, message: MessageRow) -> str:
        """What was recorded, and which message it is about."""
        recorded, described = envelope.inside(event.data), envelope.inside(message.description)
        data = envelope.joined(recorded, described, self._of_recipient(event), _moment(event))
        return data if envelope.fits(data) else envelope.joined(recorded, '"truncated":true')

    def of_received(self, event: Entry, message: MessageRow) -> str:
        """The mail itself; of a withheld one a stub, and nothing else."""
        if message.is_withheld:
            return self._stub(message)
        data = self._mail(event, message, _Shown(message.body_text, message.body_html, message.headers))
        return data if envelope.fits(data) else self._cut(event, message)

    def _of_recipient(self, event: Entry) -> str:
        if event.kind not in OF_ONE_RECIPIENT:
            return ""
        stored = json.loads(event.data)
        recipient = self.rows.recipients.get(stored["recipient_id"])
        if recipient is None:
            return ""
        facts: dict[str, object] = {"recipient": recipient.address}
        if event.kind != "message.delivered":
            facts["recipients"] = [recipient.address]
        if event.kind == "message.bounced":
            facts["bounce_type"] = "hard" if stored["code"].startswith("5") else "soft"
            facts["reason"] = recipient.text or stored["code"]
        return envelope.members(facts)

    def _mail(self, event: Entry, message: MessageRow, shown: _Shown) -> str:
        return envelope.joined(
            envelope.members({"message_id": message.pk, "mailbox_id": str(message.mailbox_id)}),
            envelope.inside(message.description),
            envelope.members(
                {
                    "body_text": shown.text,
                    "body_html": shown.html,
                    "received_at": _received_at(event, message),
                    "attachments": [self._file(one) for one in self.rows.attachments.get(message.pk, ())],
                    "answers": _answer(self.rows.replied_to.get(message.pk)),
                    **_dropped(message),
                    **self._account(),
                }
            ),
            f'"headers":{shown.headers}',
            _moment(event),
            '"truncated":true' if shown.is_cut else "",
        )

    def _cut(self, event: Entry, message: MessageRow) -> str:
        """The mail with as much of its texts as there is room for: the plain one first, then the HTML."""
        for headers in (message.headers, "{}"):
            room = envelope.MOST_BYTES - envelope.size(self._mail(event, message, _Shown("", "", headers, is_cut=True)))
            if room >= 0:
                text = envelope.cut(message.body_text, room)
                html = envelope.cut(message.body_html or "", room - envelope.text_size(text))
                return self._mail(event, message, _Shown(text, html or None, headers, is_cut=True))
        return envelope.joined(envelope.inside(event.data), '"truncated":true')

    def _stub(self, message: MessageRow) -> str:
        assert message.received_at is not None  # a CHECK of the table
        assert self.usage is not None
        account = {"inbound_usage": envelope.usage(self.usage), "upgrade": envelope.upgrade()}
        return envelope.joined(
            envelope.members(
                {
                    "over_limit": True,
                    "message_id": message.pk,
                    "mailbox_id": str(message.mailbox_id),
                    "mailbox_address": message.mailbox_address,
                    "received_at": moment_text(message.received_at),
                    "account": account,
                }
            )
        )

    def _account(self) -> dict[str, object]:
        if self.usage is None or self.usage.status == HEALTHY:
            return {}
        return {"account": {"inbound_usage": envelope.usage(self.usage)}}

    def _file(self, file: Attachment) -> dict[str, object]:
        return {
            "id": str(file.pk),
            "filename": file.filename,
            "content_type": file.content_type,
            "size_bytes": file.size_bytes,
            "content_id": file.content_id,
            "download_url": signed_links.url_of(file, now=self.now),
        }


def _answer(answered: Message | None) -> dict[str, object] | None:
    if answered is None:
        return None
    return {
        "message_id": str(answered.pk),
        "rfc_message_id": answered.message_id,
        "metadata": answered.metadata,
        "tags": answered.tags or [],
    }


def _dropped(message: MessageRow) -> dict[str, object]:
    if not message.attachments_dropped:
        return {}
    return {"attachments_dropped": True, "attachments_dropped_reason": message.attachments_dropped}


def _received_at(event: Entry, message: MessageRow) -> str:
    return moment_text(message.received_at or event.created_at)


def _moment(event: Entry) -> str:
    return f'"{TIMED[event.kind]}":"{moment_text(event.created_at)}"' if event.kind in TIMED else ""
