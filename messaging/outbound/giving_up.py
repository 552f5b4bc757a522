"""Putting before a person what the machine has given up: the last retry is spent, or the guard refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from mailboxes import statements

GAVE_UP, ATTEMPT_REFUSED = "gave_up", "attempt_refused"

# What a recipient shows is ours; what the mail server said last stands in its newest attempt. Of one that waits for a
# person already the newest is told.
NOTE = """
INSERT INTO messaging_deadletter (
    id, account_id, mailbox_id, message_id, recipient_id, cause, code, text, attempts_count, died_at, "end", ended_by,
    note)
SELECT gen_random_uuid(), m.account_id, m.mailbox_id, m.id, r.id, r.code, coalesce(t.code, ''),
    CASE WHEN r.code = 'gave_up' THEN coalesce(t.text, r.text) ELSE r.text END, r.attempts_count, %(now)s, '', '', ''
FROM messaging_recipient r
JOIN messaging_message m ON m.id = r.message_id
LEFT JOIN messaging_attempt t ON t.recipient_id = r.id AND t.number = r.attempts_count
WHERE r.id = ANY(%(recipients)s)
    AND (r.state = 'failed' AND r.code = 'gave_up' OR r.state = 'deferred' AND r.code = 'attempt_refused')
ORDER BY r.id
ON CONFLICT (recipient_id) WHERE ended_at IS NULL DO UPDATE
SET cause = EXCLUDED.cause, code = EXCLUDED.code, text = EXCLUDED.text, died_at = EXCLUDED.died_at,
    attempts_count = EXCLUDED.attempts_count
"""


def note(recipient_ids: Sequence[UUID], *, now: datetime) -> None:
    """Put those of the recipients before a person that are dead; in the caller's transaction, after their locks."""
    statements.run(NOTE, {"recipients": sorted(recipient_ids), "now": now})
