"""What is counted: the numbers kept beside the rows agree with the rows."""

from __future__ import annotations

from .invariant import promise

# Erased mail stays counted, or limits could be had anew for the asking: where a mailbox was deleted, at least as much
# was spent as there is. So it is with the house itself, whose mail goes with the people it was written to.
QUOTAS = """
WITH taken AS (
    SELECT m.mailbox_id, m.account_id, m.quota_taken_at AT TIME ZONE 'UTC' AS at,
        coalesce(m.quota_amount, (SELECT count(*) FROM messaging_recipient r WHERE r.message_id = m.id)) AS amount
    FROM messaging_message m WHERE m.quota_taken_at IS NOT NULL
), derived AS (
    SELECT mailbox_id AS subject_id, 'daily_sends' AS kind, date_trunc('day', at) AS period, sum(amount) AS used
    FROM taken GROUP BY 1, 3
    UNION ALL
    SELECT mailbox_id, 'monthly_sends', date_trunc('month', at), sum(amount) FROM taken GROUP BY 1, 3
    UNION ALL
    SELECT mailbox_id, 'mailbox_sends_per_minute', date_trunc('minute', at), sum(amount) FROM taken GROUP BY 1, 3
    UNION ALL
    SELECT account_id, 'account_sends_per_minute', date_trunc('minute', at), sum(amount) FROM taken GROUP BY 1, 3
    UNION ALL
    SELECT account_id, 'monthly_inbound', date_trunc('month', received_at AT TIME ZONE 'UTC'), count(*)
    FROM messaging_message WHERE direction = 'INBOUND' AND released_at IS NOT NULL GROUP BY 1, 3
    UNION ALL
    SELECT mailbox_id, 'monthly_inbound', date_trunc('month', received_at AT TIME ZONE 'UTC'), count(*)
    FROM messaging_message WHERE direction = 'INBOUND' AND released_at IS NOT NULL GROUP BY 1, 3
    UNION ALL
    SELECT account_id, 'daily_inbound', date_trunc('day', received_at AT TIME ZONE 'UTC'), count(*)
    FROM messaging_message WHERE direction = 'INBOUND' AND released_at IS NOT NULL GROUP BY 1, 3
    UNION ALL
    SELECT m.account_id, CASE r.state WHEN 'bounced' THEN 'daily_bounces' ELSE 'daily_complaints' END,
        date_trunc('day', m.created_at AT TIME ZONE 'UTC'), count(*)
    FROM messaging_recipient r JOIN messaging_message m ON m.id = r.message_id
    WHERE r.state IN ('bounced', 'complained') GROUP BY 1, 2, 3
    UNION ALL
    SELECT mailbox_id, 'over_limit', timestamp '1970-01-01', count(*) FROM messaging_message
    WHERE withheld_at IS NOT NULL GROUP BY 1
    UNION ALL
    SELECT account_id, 'mailboxes', timestamp '1970-01-01', count(*) FROM mailboxes_mailbox
    WHERE deleted_at IS NULL GROUP BY 1
    UNION ALL
    SELECT account_id, 'storage_bytes', timestamp '1970-01-01', sum(size) FROM (
        SELECT account_id, size_bytes AS size FROM messaging_storedfile
        UNION ALL
        SELECT f.account_id, f.size_bytes FROM messaging_attachment f JOIN messaging_message m ON m.id = f.message_id
        WHERE f.part_index IS NOT NULL AND m.released_at IS NOT NULL
    ) AS kept GROUP BY 1
    UNION ALL
    SELECT account_id, 'domains', timestamp '1970-01-01', count(*) FROM mailboxes_domain
    WHERE deleted_at IS NULL AND NOT is_platform GROUP BY 1
), counted AS (
    SELECT subject_id, kind, period_start AT TIME ZONE 'UTC' AS period, used FROM mailboxes_usage
    WHERE used <> 0
), eased AS (
    SELECT account_id FROM mailboxes_mailbox WHERE deleted_at IS NOT NULL
    UNION SELECT id FROM mailboxes_account WHERE is_platform
), eased_subjects AS (
    SELECT account_id AS subject_id FROM eased
    UNION SELECT id FROM mailboxes_mailbox WHERE account_id IN (SELECT account_id FROM eased)
)
SELECT kind || ' of ' || subject_id FROM derived FULL JOIN counted USING (subject_id, kind, period)
WHERE coalesce(derived.used, 0) <> coalesce(counted.used, 0)
    AND (coalesce(derived.used, 0) > coalesce(counted.used, 0)
        OR kind IN ('mailboxes', 'storage_bytes') OR subject_id NOT IN (SELECT subject_id FROM eased_subjects))
"""

ONE_ANSWER = """
SELECT 'answer ' || min(id::text) FROM mailboxes_idempotentanswer GROUP BY scope, route, key HAVING count(*) > 1
"""

# Visible: what was asked to leave and not refused, and what was shown to the agent. Of a thread of nothing visible
# nobody learns who takes part, or when.
THREADS = """
SELECT 'thread ' || t.id FROM messaging_thread t
WHERE t.message_count <> (
    SELECT count(*) FROM messaging_message m WHERE m.thread_id = t.id AND (
        m.direction = 'OUTBOUND' AND m.status <> 'refused'
        OR m.direction = 'INBOUND' AND m.status = 'released' AND m.withheld_at IS NULL))
    OR t.message_count = 0 AND (t.last_message_at IS NOT NULL OR t.participants <> '{}')
"""

RECIPIENTS = """
SELECT 'recipient ' || r.id FROM messaging_recipient r
WHERE r.attempts_count <> (SELECT count(*) FROM messaging_attempt t WHERE t.recipient_id = r.id)
    OR (r.state = 'sending') <> EXISTS (
        SELECT 1 FROM messaging_attempt t WHERE t.recipient_id = r.id AND t.finished_at IS NULL)
"""

# The same fold as messaging.lifecycle.FOLD.
STATES = """
SELECT 'message ' || m.id FROM messaging_message m JOIN messaging_recipient r ON r.message_id = m.id
WHERE m.status IN ('queued', 'sending', 'unknown', 'sent', 'failed')
GROUP BY m.id, m.status
HAVING m.status <> CASE
    WHEN bool_or(r.state = 'sending') THEN 'sending'
    WHEN bool_or(r.state IN ('waiting', 'deferred')) THEN 'queued'
    WHEN bool_or(r.state = 'unknown') THEN 'unknown'
    WHEN bool_or(r.state IN ('sent', 'delivered', 'bounced', 'complained')) THEN 'sent'
    ELSE 'failed' END
"""

INVARIANTS = (
    promise("I22", "The counters of limits are the sum of what was taken and not given back.", QUOTAS),
    promise("I23", "One idempotency key has one answer.", ONE_ANSWER),
    promise(
        "I50",
        "Counters and lists agree with the truth: threads, attempts, a message's state and its recipients'.",
        f"{THREADS} UNION ALL {RECIPIENTS} UNION ALL {STATES}",
    ),
)
