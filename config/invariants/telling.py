"""Webhooks: every event that an endpoint asked for has its delivery, and what is said of the tellings is true."""

from __future__ import annotations

from mailboxes import events
from messaging.events import catalog

from .invariant import promise

# A ping is told to whom it was for, whatever that one is subscribed to.
PINGED = "webhook.pinged"
# So long an endpoint may wait, with something due, while others are told.
LONGEST_WAIT = "interval '15 minutes'"


def _texts(names: object) -> str:
    assert isinstance(names, (tuple, list, frozenset))
    return "ARRAY[" + ", ".join(f"'{name}'" for name in sorted(names)) + "]"


# What an endpoint asks for now is what it asked for of all that happened since it was changed last. Tags are left out:
# a message's are changed after it was told.
TOLD = f"""
WITH since AS (
    SELECT w.id, w.account_id, w.mailbox_id, w.events, w.cursor, (
        SELECT max(e.seq) FROM mailboxes_event e WHERE e.subject = w.id::text AND e.account_id = w.account_id
            AND e.kind IN ('webhook.created', 'webhook.changed', 'webhook.skipped')) AS seq
    FROM messaging_webhookendpoint w WHERE w.tags = '{{}}'
)
SELECT 'event ' || e.id || ' for webhook ' || since.id FROM since
JOIN mailboxes_event e ON e.account_id = since.account_id AND e.seq > since.seq AND e.seq <= since.cursor
LEFT JOIN messaging_message m ON m.id = CASE
    WHEN e.kind LIKE 'message.%' THEN e.subject::uuid
    WHEN e.kind LIKE 'review.%' THEN (e.data::json ->> 'message_id')::uuid END
WHERE e.kind = ANY({_texts([kind for kind in catalog.KINDS if kind != PINGED])})
    AND {events.IS_SHOWN} AND (e.kind = ANY(since.events) OR '*' = ANY(since.events))
    AND (since.mailbox_id IS NULL OR e.mailbox_id = since.mailbox_id)
    AND (m.id IS NULL OR m.direction = 'OUTBOUND'
        OR m.status = 'released' AND e.kind = ANY({_texts(catalog.OF_RECEIVED_MAIL)}))
    AND NOT EXISTS (SELECT FROM messaging_webhookdelivery d WHERE d.endpoint_id = since.id AND d.event_id = e.id)
"""  # noqa: S608 - ours

OF_THE_LOG = f"""
SELECT 'delivery ' || d.id FROM messaging_webhookdelivery d
JOIN messaging_webhookendpoint w ON w.id = d.endpoint_id
JOIN mailboxes_account a ON a.id = w.account_id
LEFT JOIN mailboxes_event e ON e.id = d.event_id AND e.account_id = w.account_id
WHERE a.departed_at IS NULL AND (
    e.id IS NULL OR e.seq <> d.event_seq OR e.kind <> d.event
    OR e.seq > w.cursor AND e.kind <> '{PINGED}'
    OR w.mailbox_id IS NOT NULL AND e.mailbox_id IS DISTINCT FROM w.mailbox_id)
"""  # noqa: S608 - ours

ATTEMPTS = """
SELECT 'delivery ' || d.id FROM messaging_webhookdelivery d
LEFT JOIN (
    SELECT delivery_id, count(*) AS made, max(number) AS last FROM messaging_webhookattempt GROUP BY delivery_id
) AS t ON t.delivery_id = d.id
LEFT JOIN messaging_webhookattempt l ON l.delivery_id = d.id AND l.number = t.last
WHERE d.attempts <> coalesce(t.made, 0) OR d.attempts <> coalesce(t.last, 0)
    OR d.status = 'DELIVERED' AND (l.response_status BETWEEN 200 AND 299 AND l.code = '') IS NOT TRUE
"""

# Of what an ordered endpoint was told since it was changed last. Nobody has to wait for a delivery that was given up,
# came back after it (`attempts_before`), or was made afterwards of what had happened before (then it is the younger
# row): until `settled_at` everybody else has to.
ORDERED = """
WITH since AS (
    SELECT w.id, (
        SELECT max(e.seq) FROM mailboxes_event e WHERE e.subject = w.id::text AND e.account_id = w.account_id
            AND e.kind IN ('webhook.created', 'webhook.changed')) AS seq
    FROM messaging_webhookendpoint w WHERE w.is_ordered
), told AS (
    SELECT d.id, d.endpoint_id, d.event_seq, d.created_at, (
        SELECT t.started_at FROM messaging_webhookattempt t WHERE t.delivery_id = d.id AND t.number = 1
    ) AS first_at, CASE
        WHEN d.attempts_before > 0 OR d.status = 'FAILED' THEN '-infinity'
        WHEN d.status = 'PENDING' THEN 'infinity'
        ELSE (
            SELECT min(t.started_at) FROM messaging_webhookattempt t
            WHERE t.delivery_id = d.id AND t.response_status BETWEEN 200 AND 299 AND t.code = '') END AS settled_at,
        min(d.created_at) OVER (
            PARTITION BY d.endpoint_id ORDER BY d.event_seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS later_made_at
    FROM messaging_webhookdelivery d JOIN since ON since.id = d.endpoint_id AND d.event_seq > since.seq
), line AS (
    SELECT id, first_at, max(settled_at) OVER (
        PARTITION BY endpoint_id ORDER BY event_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS free_at
    FROM told WHERE later_made_at IS NULL OR created_at <= later_made_at
)
SELECT 'delivery ' || id FROM line WHERE first_at < free_at
"""

# Measured by what the others were told, so that it says nothing of an instance that was switched off.
NEGLECTED = f"""
WITH newest AS (SELECT max(started_at) AS at FROM messaging_webhookattempt)
SELECT 'webhook ' || w.id FROM messaging_webhookendpoint w
JOIN mailboxes_account a ON a.id = w.account_id
LEFT JOIN mailboxes_mailbox box ON box.id = w.mailbox_id
CROSS JOIN newest
WHERE w.status = 'ACTIVE' AND a.departed_at IS NULL AND box.deleted_at IS NULL
    AND (
        SELECT CASE WHEN w.is_ordered THEN (array_agg(d.next_at ORDER BY d.event_seq))[1] ELSE min(d.next_at) END
        FROM messaging_webhookdelivery d WHERE d.endpoint_id = w.id AND d.status = 'PENDING'
    ) < newest.at - {LONGEST_WAIT}
    AND NOT EXISTS (
        SELECT FROM messaging_webhookdelivery d JOIN messaging_webhookattempt t ON t.delivery_id = d.id
        WHERE d.endpoint_id = w.id AND t.started_at > newest.at - {LONGEST_WAIT})
"""  # noqa: S608 - ours

FAILURE_IS_RECORDED = """
SELECT 'webhook ' || w.id FROM messaging_webhookendpoint w
WHERE w.status = 'FAILED' AND NOT EXISTS (
    SELECT FROM mailboxes_event e
    WHERE e.subject = w.id::text AND e.account_id = w.account_id AND e.kind = 'webhook.failed')
"""

INVARIANTS = (
    promise("I16c", "A webhook that failed stands in the event log.", FAILURE_IS_RECORDED),
    promise("I17", "Every event behind an endpoint's cursor that it asked for has its delivery.", TOLD),
    promise(
        "I17b",
        "A delivery is of an event of its endpoint's log; its attempts are counted, and DELIVERED was answered 2xx.",
        f"{OF_THE_LOG} UNION ALL {ATTEMPTS}",
    ),
    promise("I18", "In an ordered endpoint nothing is told before what happened earlier is settled.", ORDERED),
    promise("I19", "No active endpoint waits, with something due, while others are told.", NEGLECTED),
)
