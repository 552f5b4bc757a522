"""What arrives: kept as it came, shown once."""

from __future__ import annotations

from messaging.inbound import feedback

from .invariant import promise

NOTHING_RECEIVED_IS_LOST = """
SELECT 'received ' || r.id FROM messaging_rawmessage r WHERE encode(sha256(r.raw), 'hex') <> r.sha256
UNION ALL
SELECT 'message ' || m.id FROM messaging_message m
WHERE m.direction = 'INBOUND' AND NOT EXISTS (SELECT 1 FROM messaging_rawmessage r WHERE r.message_id = m.id)
"""

# A report becomes no message but a fact about another one; what came for a deleted mailbox, or for none, is kept only.
EVERY_250_IS_SHOWN = """
SELECT 'received ' || r.id FROM messaging_rawmessage r JOIN mailboxes_mailbox b ON b.id = r.mailbox_id
WHERE r.processed_at IS NOT NULL AND r.message_id IS NULL AND r.duplicate_of_id IS NULL
    AND (b.deleted_at IS NULL OR b.deleted_at > r.processed_at)
    AND encode(r.raw, 'escape') NOT ILIKE '%multipart/report%'
UNION ALL
SELECT 'received ' || r.id FROM messaging_rawmessage r JOIN messaging_rawmessage first ON first.id = r.duplicate_of_id
WHERE first.duplicate_of_id IS NOT NULL OR first.sha256 <> r.sha256
"""

# A paused mailbox wakes its held mail in the same transaction; what was stored in that very moment, a sweep does.
HELD_WAITS_FOR_ITS_MAILBOX = """
SELECT 'received ' || r.id FROM messaging_rawmessage r LEFT JOIN mailboxes_mailbox b ON b.id = r.mailbox_id
WHERE r.processed_at IS NULL AND r.due_at IS NULL AND (b.id IS NULL
    OR (b.status <> 'PAUSED' OR b.deleted_at IS NOT NULL)
        AND greatest(r.received_at, b.updated_at, b.deleted_at) < now() - interval '10 minutes')
"""

# Where the next hop said for good that the address is no good, and where its owner complained.
FEEDBACK_SUPPRESSES = f"""
SELECT 'recipient ' || r.id FROM messaging_recipient r JOIN messaging_message m ON m.id = r.message_id
WHERE (r.state = 'complained' OR r.state = 'bounced' AND r.code LIKE '5.%'
        AND NOT r.code LIKE ANY (ARRAY[{", ".join(f"'{code}%'" for code in feedback.ABOUT_THE_MAIL)}]))
    AND NOT EXISTS (
        SELECT 1 FROM messaging_suppression s
        WHERE s.account_id = m.account_id AND s.key = regexp_replace(r.address, '^([^+@]+)\\+[^@]*@', '\\1@'))
"""  # noqa: S608 - ours

SHOWN_ONCE = """
SELECT 'received ' || r.id FROM messaging_rawmessage r WHERE r.duplicate_of_id IS NOT NULL AND r.message_id IS NOT NULL
UNION ALL
SELECT 'received ' || min(r.id::text) FROM messaging_rawmessage r WHERE r.duplicate_of_id IS NULL
GROUP BY r.dedupe_key HAVING count(*) > 1
"""

ANNOUNCED = """
SELECT 'message ' || m.id FROM messaging_message m
WHERE m.direction = 'INBOUND' AND (
    SELECT count(*) FROM mailboxes_event e
    WHERE e.subject = m.id::text AND e.account_id = m.account_id AND e.kind = 'message.received'
) <> CASE m.status WHEN 'released' THEN 1 ELSE 0 END
"""

# What was ever withheld came as a stub; what is unlocked was told so, once; and nothing else.
WITHHELD_IS_TOLD = """
SELECT 'message ' || m.id FROM messaging_message m
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE e.kind = 'message.received' AND e.data::jsonb ->> 'over_limit' = 'true') AS stubs,
        count(*) FILTER (WHERE e.kind = 'message.unlocked') AS unlocked
    FROM mailboxes_event e WHERE e.subject = m.id::text AND e.account_id = m.account_id
        AND e.kind IN ('message.received', 'message.unlocked')
) AS told
WHERE told.stubs <> (m.withheld_at IS NOT NULL OR m.unlocked_at IS NOT NULL)::int
    OR told.unlocked <> (m.unlocked_at IS NOT NULL)::int
    OR m.withheld_at IS NOT NULL AND m.status <> 'released'
"""

INVARIANTS = (
    promise("I21", "A hard bounce and a complaint suppress their address.", FEEDBACK_SUPPRESSES),
    promise("I26b", "Every mail that was answered with 250 was filed, or waits to be read.", EVERY_250_IS_SHOWN),
    promise(
        "I26", "What was received is kept as it came, and every shown mail has its bytes.", NOTHING_RECEIVED_IS_LOST
    ),
    promise("I27", "The same bytes received again make no second message.", SHOWN_ONCE),
    promise("I26c", "What is held back waits for a paused mailbox.", HELD_WAITS_FOR_ITS_MAILBOX),
    promise("I28b", "What is withheld was announced as such, and what was unlocked once more.", WITHHELD_IS_TOLD),
    promise("I28", "Every released mail was announced once, and no other was.", ANNOUNCED),
)
