"""What arrives: kept as it came, shown once."""

from __future__ import annotations

from .invariant import promise

NOTHING_RECEIVED_IS_LOST = """
SELECT 'received ' || r.id FROM messaging_rawmessage r WHERE encode(sha256(r.raw), 'hex') <> r.sha256
UNION ALL
SELECT 'message ' || m.id FROM messaging_message m
WHERE m.direction = 'INBOUND' AND NOT EXISTS (SELECT 1 FROM messaging_rawmessage r WHERE r.message_id = m.id)
"""

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

INVARIANTS = (
    promise(
        "I26", "What was received is kept as it came, and every shown mail has its bytes.", NOTHING_RECEIVED_IS_LOST
    ),
    promise("I27", "The same bytes received again make no second message.", SHOWN_ONCE),
    promise("I28", "Every released mail was announced once, and no other was.", ANNOUNCED),
)
