"""What is told of a kind of events, and the words that several kinds share."""

from __future__ import annotations

from dataclasses import dataclass

# Which message an event is about: in `data` of every event that "the message" is said of.
DESCRIPTION = (
    "`message_id`, `mailbox_id`, `mailbox_address`, `rfc_message_id` (the Message-ID header), `thread_id`, `from`, "
    "`to`, `cc`, `subject`, `in_reply_to`, `metadata`, `tags`"
)
MESSAGE = "the message"
ONE_RECIPIENT = f"{MESSAGE}, `recipient`, `recipient_id`, `code`"
PART, STOPPED = "A mailbox, agent or key", "`stop_id`, `scope`, and `mailbox_id`, `agent_id` or `key_id`"
DEAD = f"{MESSAGE}, `recipient_id`, `reason`, `by`"
KEY, TERMS = "`key_id`, `prefix`, `by`", "`expires_at`, `is_bound` (to addresses)"
REVIEW = "`review_id`, `message_id`, `version`"
DECIDED = f"{REVIEW}, `decision_id`, `by`"
RECEIVED = (
    f"{MESSAGE}, `body_text`, `body_html`, `headers`, `received_at`, `attachments` (each with a `download_url` made "
    "when the event is told), `attachments_dropped` and `attachments_dropped_reason` if any were, `answers` (your "
    "message that it answers, with your metadata), `account` from half of the inbound limit on"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event by its name on the wire. `holds` are the members of its `data`.

    `is_reserved`: nothing records it yet. It may be subscribed to, so that who does needs no change once it happens.
    """

    name: str
    says: str
    promises_not: str
    holds: str
    is_reserved: bool = False
