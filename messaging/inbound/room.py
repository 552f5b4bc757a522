"""Whether a mailbox that holds what arrives takes more: people look through it, and nobody else ever sees it.

What is hidden counts against no limit of received mail before it is shown, or a stranger's flood would use up the month
of what people let through. So its number is bounded where mail comes in: who has HIDDEN_PER_MAILBOX waiting is full,
and senders are told to try again later, as by any full mailbox. Nothing that was taken is lost, and room is made by
nobody but people and time (REVIEW_EXPIRES_DAYS).
"""

from __future__ import annotations

from django.conf import settings

from mailboxes import statements
from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode

# Among the newest, along the index that lists are read by: an index of what waits would be touched by every send.
HIDDEN = """
SELECT count(*) FROM (
    SELECT status FROM messaging_message
    WHERE mailbox_id = %(mailbox)s AND direction = 'INBOUND' AND withheld_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT 2 * %(most)s
) AS newest WHERE status IN ('arrived', 'held')
"""


def is_full(mailbox: Mailbox) -> bool:
    """True if so much of what came to the mailbox waits for people that it takes no more for now."""
    most = settings.HIDDEN_PER_MAILBOX
    if not most or mailbox.mode != OversightMode.GATED_ALL:
        return False
    ((hidden_count,),) = statements.run(HIDDEN, {"mailbox": mailbox.pk, "most": most})
    return bool(hidden_count >= most)
