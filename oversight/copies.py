"""Which messages the humans who watch are to be sent copies of: noted where a message is let go, made by `copying`."""

from __future__ import annotations

from datetime import datetime

from django.dispatch import receiver

from mailboxes import statements
from mailboxes.ids import new_id
from mailboxes.models import Event
from mailboxes.signals import event_recorded
from messaging import wakeup

COPY_MONITORED = "oversight.copy_monitored"

# Once for each message, however often it was let go and taken back; nothing for the house's own and for test data.
WANT = """
INSERT INTO oversight_copy (id, message_id, due_at, failures_count, outcome, created_at)
SELECT %(id)s, m.id, %(now)s, 0, '', %(now)s
FROM messaging_message AS m JOIN mailboxes_mailbox AS box ON box.id = m.mailbox_id
    JOIN mailboxes_account AS a ON a.id = m.account_id
WHERE m.id = %(message)s AND box.mode = 'monitored' AND m.direction = 'OUTBOUND'
    AND m.status NOT IN ('refused', 'held') AND NOT a.is_platform AND a.test_of_id IS NULL
ON CONFLICT (message_id) DO NOTHING
"""


@receiver(event_recorded)
def on_let_go(*, event: Event, **_: object) -> None:
    """Of what people approved, too: a copy is due as soon as the message may leave."""
    if event.kind == "message.approved":
        want(event.subject, now=event.created_at)


def want(message_id: object, *, now: datetime) -> None:
    """Have the humans be sent a copy, if the message's mailbox is monitored, in the caller's transaction."""
    statements.run(WANT + "RETURNING id", {"id": new_id(), "message": message_id, "now": now})
    wakeup.ring(COPY_MONITORED)
