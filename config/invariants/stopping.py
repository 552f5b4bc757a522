"""What must not begin: nothing of a stopped account, of a closed mailbox, for a suppressed address, by a revoked key.

Times are read before locks are taken, so that what happens in the same moment may seem to come after; GRACE is more
than that, and less than anybody's patience.
"""

from __future__ import annotations

from .invariant import promise

GRACE = "interval '10 seconds'"

# Each stop with the resume that ended it, told by the log.
STOPPED = f"""
SELECT 'attempt ' || t.id FROM (
    SELECT e.account_id, e.created_at AS since, (
        SELECT min(later.created_at) FROM mailboxes_event later
        WHERE later.account_id = e.account_id AND later.subject = e.subject AND later.seq > e.seq
            AND later.kind = CASE e.kind WHEN 'account.stopped' THEN 'account.resumed' ELSE 'account.reactivated' END
    ) AS until
    FROM mailboxes_event e WHERE e.kind IN ('account.stopped', 'account.suspended')
) AS stop
JOIN messaging_message m ON m.account_id = stop.account_id
JOIN messaging_recipient r ON r.message_id = m.id
JOIN messaging_attempt t ON t.recipient_id = r.id
WHERE (t.started_at > stop.since + {GRACE} OR t.data_at > stop.since + {GRACE})
    AND greatest(t.started_at, t.data_at) < coalesce(stop.until, 'infinity')
"""  # noqa: S608 - ours

# Those of less or more than an account: each has its row, whether it is over or not.
PARTS_STOPPED = f"""
SELECT 'attempt ' || t.id
FROM (
    SELECT s.stopped_at AS since, s.resumed_at AS until, m.id AS message_id
    FROM mailboxes_stop s JOIN messaging_message m ON m.account_id = s.account_id
    WHERE s.scope <> 'account' AND s.subject_id IN (m.mailbox_id, m.agent_id, m.key_id)
    UNION ALL
    SELECT s.stopped_at, s.resumed_at, m.id
    FROM mailboxes_stop s CROSS JOIN messaging_message m
    WHERE s.scope = 'everything'
) AS stop
JOIN messaging_recipient r ON r.message_id = stop.message_id
JOIN messaging_attempt t ON t.recipient_id = r.id
WHERE (t.started_at > stop.since + {GRACE} OR t.data_at > stop.since + {GRACE})
    AND greatest(t.started_at, t.data_at) < coalesce(stop.until, 'infinity')
"""  # noqa: S608 - ours

CLOSED = f"""
SELECT 'attempt ' || t.id FROM (
    SELECT b.id AS mailbox_id, b.deleted_at AS since, NULL::timestamptz AS until
    FROM mailboxes_mailbox b WHERE b.deleted_at IS NOT NULL
    UNION ALL
    SELECT e.mailbox_id, e.created_at, (
        SELECT min(later.created_at) FROM mailboxes_event later
        WHERE later.account_id = e.account_id AND later.subject = e.subject AND later.seq > e.seq
            AND later.kind = e.kind)
    FROM mailboxes_event e
    WHERE e.kind = 'mailbox.mode_changed' AND e.data::jsonb ->> 'to' = 'read_only'
        OR e.kind = 'mailbox.changed' AND e.data::jsonb ->> 'status' <> 'ACTIVE'
) AS closing
JOIN messaging_message m ON m.mailbox_id = closing.mailbox_id
JOIN messaging_recipient r ON r.message_id = m.id
JOIN messaging_attempt t ON t.recipient_id = r.id
WHERE t.started_at > closing.since + {GRACE} AND t.started_at < coalesce(closing.until, 'infinity')
"""  # noqa: S608 - ours

# The body is what counts: what was claimed before the suppression ends there, at its mark.
SUPPRESSED = f"""
SELECT 'attempt ' || t.id FROM messaging_suppression s
JOIN messaging_recipient r ON regexp_replace(r.address, '^([^+@]+)\\+[^@]*@', '\\1@') = s.key
JOIN messaging_message m ON m.id = r.message_id AND m.account_id = s.account_id
JOIN messaging_attempt t ON t.recipient_id = r.id
WHERE t.data_at > s.created_at + {GRACE}
"""  # noqa: S608 - ours

REVOKED = f"""
SELECT 'message ' || m.id FROM messaging_message m JOIN mailboxes_apikey k ON k.id = m.key_id
WHERE m.created_at > k.revoked_at + {GRACE}
UNION ALL
SELECT 'decision ' || d.id FROM oversight_decision d JOIN mailboxes_apikey k ON k.id = d.key_id
WHERE d.decided_at > k.revoked_at + {GRACE}
"""  # noqa: S608 - ours

INVARIANTS = (
    promise("I10", "No attempt starts in a mailbox that is paused, read_only or deleted.", CLOSED),
    promise(
        "I11",
        "No attempt starts, and no body begins, between a stop (of account, mailbox, agent, key, everything) and the "
        "resume.",
        f"{STOPPED} UNION ALL {PARTS_STOPPED}",
    ),
    promise("I20", "No body begins for an address after it was suppressed, in any of its spellings.", SUPPRESSED),
    promise("I40", "A revoked key sends nothing and decides nothing.", REVOKED),
)
