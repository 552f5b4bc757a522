"""Why accepted mail does not leave: somebody stopped it. The mail itself knows nothing of that, and waits."""

from __future__ import annotations

from collections.abc import Sequence

from mailboxes import stop_labels
from mailboxes.models import Account
from messaging.models import DUE_STATES, Message, Recipient, Status

CODE = "stopped"
LEAVING = (Status.QUEUED, Status.SENDING)


def note(messages: Sequence[Message], account: Account) -> None:
    """Let those that are stopped say so, by one statement if any is about to leave. They want `shown_recipients`."""
    leaving = [message for message in messages if message.status in LEAVING]
    stops = list(stop_labels.standing(account)) if leaving else []
    for message in leaving:
        stop = stop_labels.holding(stops, message.mailbox_id, message.agent_id, message.key_id)
        if stop is not None:
            say(message, stop_labels.sentence(stop.scope, stop.reason))


def say(message: Message, why: str) -> None:
    """The message, and each recipient that has no other answer yet, shows that it is stopped. Nothing is written."""
    message.reason_code, message.reason_text = CODE, why
    shown: list[Recipient] = message.shown_recipients  # type: ignore[attr-defined]
    for recipient in shown:
        if recipient.state in DUE_STATES and recipient.next_at is not None and not recipient.code:
            recipient.code, recipient.text = CODE, why
