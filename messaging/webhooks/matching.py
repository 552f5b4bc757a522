"""Which events of the log an endpoint is told of, as parts of statements: of the one that follows the log, and of the
one that goes back in it.

What may be told is what `messaging.events.rendering` tells; where the two differ, it has the last word. Of two tags
that could be looked at, it looks at those of the message and of the one of ours that this answers.
"""

from __future__ import annotations

from mailboxes import events
from messaging.events import catalog

PINGED = "webhook.pinged"
# A ping is told to whom it is for, by who asked for it.
KINDS = tuple(kind for kind in catalog.KINDS if kind != PINGED)
# From `found` (endpoint_id, only_mailbox, events, tags, and an event's columns): what the endpoint is subscribed to.
WANTED = f"""wanted AS (
    SELECT found.*, CASE
        WHEN kind LIKE 'message.%%' THEN subject::uuid
        WHEN kind LIKE 'review.%%' THEN (data::json ->> 'message_id')::uuid END AS message_id
    FROM found
    WHERE {events.IS_SHOWN} AND kind = ANY(%(kinds)s) AND (kind = ANY(events) OR %(everything)s = ANY(events))
        AND (only_mailbox IS NULL OR mailbox_id = only_mailbox)
)"""  # noqa: S608 - ours
INTO = """INSERT INTO messaging_webhookdelivery (
    id, endpoint_id, event_id, event_seq, event, status, attempts, attempts_before, next_at, code, created_at)"""
# A UUIDv7 with the event's time: the newest first is the order of the log, within a batch too. LATERAL with LIMIT: by
# the primary key, whatever the statistics say.
ROWS = """SELECT (left(wanted.id::text, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
    endpoint_id, wanted.id, seq, kind, 'PENDING', 0, 0, %(now)s, '', %(now)s
FROM wanted LEFT JOIN LATERAL (
    SELECT * FROM messaging_message WHERE messaging_message.id = wanted.message_id LIMIT 1
) AS m ON true
WHERE (m.id IS NULL OR m.direction = 'OUTBOUND' OR m.status = 'released' AND kind = ANY(%(of_received)s))
    AND (wanted.tags = '{}' OR wanted.tags && m.tags OR wanted.tags && (
        SELECT ours.tags FROM messaging_message AS ours
        WHERE m.direction = 'INBOUND' AND ours.mailbox_id = m.mailbox_id AND ours.direction = 'OUTBOUND'
            AND ours.status NOT IN ('accepted', 'refused')
            AND ours.message_id = ANY(m."references" || m.in_reply_to)
        ORDER BY array_position(m."references" || m.in_reply_to, ours.message_id) DESC LIMIT 1))"""
