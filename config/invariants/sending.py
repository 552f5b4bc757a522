"""What leaves: nothing lost, nothing twice, nothing that was called back."""

from __future__ import annotations

from .invariant import promise

# Without one of these a message stands still for ever, and nobody would know.
NEVER_LOST = """
SELECT 'message ' || m.id FROM messaging_message m
WHERE m.direction = 'OUTBOUND' AND (
    m.status = 'accepted'
    OR NOT EXISTS (SELECT 1 FROM messaging_recipient r WHERE r.message_id = m.id)
    OR NOT EXISTS (SELECT 1 FROM messaging_revision v WHERE v.message_id = m.id AND v.version = m.current_version)
    OR m.status = 'queued' AND NOT EXISTS (
        SELECT 1 FROM messaging_recipient r
        WHERE r.message_id = m.id AND r.state IN ('waiting', 'deferred') AND r.next_at IS NOT NULL)
        AND NOT EXISTS (
            SELECT 1 FROM oversight_review w
            WHERE w.message_id = m.id AND w.state = 'approved' AND w.released_at IS NULL AND w.release_at IS NOT NULL)
    OR m.status = 'sending' AND NOT EXISTS (
        SELECT 1 FROM messaging_recipient r JOIN messaging_attempt t ON t.recipient_id = r.id
        WHERE r.message_id = m.id AND r.state = 'sending' AND t.finished_at IS NULL)
    OR m.status = 'held' AND NOT EXISTS (
        SELECT 1 FROM oversight_review w WHERE w.message_id = m.id AND w.state = 'open')
    OR m.status = 'returned' AND NOT EXISTS (
        SELECT 1 FROM oversight_review w WHERE w.message_id = m.id AND w.state = 'returned')
)
"""

SENT_ONCE = """
SELECT 'recipient ' || recipient_id FROM messaging_attempt WHERE outcome = 'sent'
GROUP BY recipient_id HAVING count(*) > 1
"""

UNKNOWN_IS_NOT_RETRIED = """
SELECT 'recipient ' || t.recipient_id FROM messaging_attempt t
WHERE t.outcome = 'unknown' AND EXISTS (
    SELECT 1 FROM messaging_attempt later WHERE later.recipient_id = t.recipient_id AND later.number > t.number)
"""

# One worker at a time, and every attempt counted: number n begins when number n - 1 has ended.
ONE_AT_A_TIME = """
SELECT 'attempt ' || t.id FROM (
    SELECT id, number, started_at, row_number() OVER by_number AS place, lag(number) OVER by_number AS earlier,
        lag(finished_at) OVER by_number AS free_at
    FROM messaging_attempt WINDOW by_number AS (PARTITION BY recipient_id ORDER BY number)
) AS t
WHERE t.number <> t.place OR t.earlier IS NOT NULL AND (t.free_at IS NULL OR t.started_at < t.free_at)
"""

# An attempt that ended before its body (stopped, greylisted) is no hindrance to calling a message back.
CALLED_BACK_IS_NOT_SENT = """
SELECT 'message ' || m.id FROM messaging_message m
WHERE m.status IN ('held', 'refused', 'rejected', 'returned', 'expired', 'cancelled') AND EXISTS (
    SELECT 1 FROM messaging_recipient r JOIN messaging_attempt t ON t.recipient_id = r.id
    WHERE r.message_id = m.id AND (
        t.finished_at IS NULL OR t.data_at IS NOT NULL OR t.outcome IN ('sent', 'unknown')))
"""

# Of the newest approval: an older one was undone, and what was tried under it kept its own time.
NEVER_EARLY = """
SELECT 'attempt ' || t.id FROM messaging_attempt t
JOIN messaging_recipient r ON r.id = t.recipient_id
JOIN oversight_review w ON w.message_id = r.message_id
WHERE w.state = 'approved' AND t.started_at < w.release_at AND t.started_at >= (
    SELECT max(d.decided_at) FROM oversight_decision d WHERE d.review_id = w.id AND d.kind = 'approve')
"""

# The signature's d= is the name of the mailbox's domain (`alignment`), so this is whose word was given for the author.
ALIGNED = """
SELECT 'message ' || m.id FROM messaging_message m
JOIN mailboxes_mailbox b ON b.id = m.mailbox_id
JOIN mailboxes_domain d ON d.id = b.domain_id
WHERE m.direction = 'OUTBOUND' AND (
    split_part(lower(m.from_address), '@', 2) <> d.name OR d.account_id <> m.account_id AND NOT d.is_platform)
"""

INVARIANTS = (
    promise("I01", "An accepted send is never lost: whatever has not ended is watched by somebody.", NEVER_LOST),
    promise("I02", "Each recipient is handed to the relay at most once.", SENT_ONCE),
    promise(
        "I02b", "Attempts at a recipient are numbered from 1, and one begins when the last has ended.", ONE_AT_A_TIME
    ),
    promise("I03", "A lost answer stays unknown: no later attempt follows it.", UNKNOWN_IS_NOT_RETRIED),
    promise(
        "I08",
        "What is held, refused, rejected, expired or cancelled has not left, and nobody is about to send it.",
        CALLED_BACK_IS_NOT_SENT,
    ),
    promise("I12", "No attempt starts before its time: an approval can be undone until it is over.", NEVER_EARLY),
    promise("I35", "The author's domain is the one that signs, and the account's own or the platform's.", ALIGNED),
)
