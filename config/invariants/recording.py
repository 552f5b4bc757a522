"""The event log: no gap, no forgery, nothing that happened without its event."""

from __future__ import annotations

from mailboxes.events import BROKEN_LINKS, IS_SHOWN

from .invariant import promise

GAPLESS = """
SELECT 'account ' || a.id FROM mailboxes_account a
LEFT JOIN mailboxes_eventcounter c ON c.account_id = a.id
LEFT JOIN (
    SELECT account_id, count(*) AS events, min(seq) AS first, max(seq) AS last FROM mailboxes_event GROUP BY account_id
) AS log ON log.account_id = a.id
WHERE coalesce(log.events, 0) <> coalesce(log.last, 0)
    OR coalesce(log.first, 1) <> 1
    OR c.last_seq IS DISTINCT FROM coalesce(log.last, 0)
"""

# queued and sending are told apart by attempts, not by events; a released mail is told as received.
STATE_FOLDS_FROM_EVENTS = """
SELECT 'message ' || m.id FROM messaging_message m
LEFT JOIN LATERAL (
    SELECT e.kind FROM mailboxes_event e
    WHERE e.subject = m.id::text AND e.account_id = m.account_id AND e.kind IN (
        'message.queued', 'message.held', 'message.scheduled', 'message.refused', 'message.sent', 'message.failed',
        'message.unknown', 'message.rejected', 'message.returned', 'message.expired', 'message.cancelled',
        'message.received')
    ORDER BY e.seq DESC LIMIT 1
) AS last ON true
WHERE m.status NOT IN ('accepted', 'arrived') AND last.kind IS DISTINCT FROM 'message.' || CASE m.status
    WHEN 'sending' THEN 'queued' WHEN 'released' THEN 'received' ELSE m.status END
UNION ALL
SELECT 'review ' || w.id FROM oversight_review w
LEFT JOIN LATERAL (
    SELECT e.kind FROM mailboxes_event e
    WHERE e.subject = w.id::text AND e.account_id = w.account_id AND e.kind IN (
        'review.opened', 'review.undone', 'review.reopened', 'review.approved', 'review.rejected', 'review.returned',
        'review.expired', 'review.cancelled')
    ORDER BY e.seq DESC LIMIT 1
) AS last ON true
WHERE w.state IS DISTINCT FROM CASE last.kind
    WHEN 'review.undone' THEN 'open' WHEN 'review.reopened' THEN 'open' WHEN 'review.opened' THEN 'open'
    ELSE substr(last.kind, 8) END
"""

ENDS_ARE_TOLD_ONCE = """
SELECT 'message ' || e.subject FROM mailboxes_event e
WHERE e.kind IN ('message.sent', 'message.failed', 'message.unknown', 'message.refused', 'message.rejected',
    'message.expired', 'message.cancelled', 'message.received', 'message.unlocked')
GROUP BY e.account_id, e.subject, e.kind HAVING count(*) > 1
"""

CHAIN = f"""
SELECT 'event ' || broken.id FROM ({BROKEN_LINKS}) AS broken
UNION ALL
SELECT 'head of account ' || c.account_id FROM mailboxes_eventcounter c
LEFT JOIN mailboxes_event e ON e.account_id = c.account_id AND e.seq = c.last_seq
WHERE c.last_hash <> coalesce(e.hash, '')
"""  # noqa: S608 - both parts are ours

DECISIONS_ARE_RECORDED = """
SELECT 'decision ' || d.id FROM oversight_decision d
JOIN oversight_review w ON w.id = d.review_id
WHERE (
    SELECT count(*) FROM mailboxes_event e
    WHERE e.subject = w.id::text AND e.account_id = w.account_id AND e.data::jsonb ->> 'decision_id' = d.id::text
) <> 1
"""

NOTHING_LIES_OPEN = """
SELECT 'event ' || id FROM mailboxes_event WHERE data ~ 'gp_(live|test)_[0-9A-Za-z]{49}'
UNION ALL
SELECT 'key ' || id FROM mailboxes_apikey WHERE digest !~ '^[0-9a-f]{64}$' OR length(prefix) > 14
UNION ALL
SELECT 'DKIM key ' || id FROM mailboxes_dkimkey WHERE position('PRIVATE KEY' in encode(private_key, 'escape')) > 0
"""

HIDDEN_IS_KNOWN = f"""
SELECT 'account ' || c.account_id FROM mailboxes_eventcounter c
CROSS JOIN LATERAL (
    SELECT max(e.seq) AS seq FROM mailboxes_event e WHERE e.account_id = c.account_id AND {IS_SHOWN}
) AS shown
WHERE c.hidden_to = c.last_seq AND c.hidden_from - 1 IS DISTINCT FROM coalesce(shown.seq, 0)
    OR c.hidden_to IS DISTINCT FROM c.last_seq AND c.last_seq > 0 AND shown.seq IS DISTINCT FROM c.last_seq
"""  # noqa: S608 - ours

INVARIANTS = (
    promise("I13", "The events of an account are numbered from 1 without gaps, and its counter is the last.", GAPLESS),
    promise("I16", "The state of every message and review follows from its events.", STATE_FOLDS_FROM_EVENTS),
    promise("I16d", "Where a log ends with what no agent may learn of, its counter says since when.", HIDDEN_IS_KNOWN),
    promise("I16b", "No end of a message is told twice.", ENDS_ARE_TOLD_ONCE),
    promise("I37", "The event log was not rewritten: every hash follows from its predecessor.", CHAIN),
    promise("I38", "Every decision stands in the event log, once.", DECISIONS_ARE_RECORDED),
    promise("I39", "No key, nor any private key, stands where it could be read.", NOTHING_LIES_OPEN),
)
