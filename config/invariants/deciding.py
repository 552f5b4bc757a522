"""Who decides: a human, once, before anything leaves."""

from __future__ import annotations

from .invariant import promise

DECIDED_BEFORE_ATTEMPTED = """
SELECT 'attempt ' || t.id FROM messaging_attempt t
JOIN messaging_recipient r ON r.id = t.recipient_id
JOIN messaging_message m ON m.id = r.message_id
LEFT JOIN messaging_revision v ON v.message_id = m.id AND v.version = t.version
LEFT JOIN LATERAL (
    SELECT d.kind, d.seal, d.review_id, w.people_needed FROM oversight_decision d
    JOIN oversight_review w ON w.id = d.review_id
    WHERE w.message_id = m.id AND d.decided_at <= t.started_at
    ORDER BY w.opened_at DESC, d.version DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT count(DISTINCT d.member_id) AS people FROM oversight_decision d
    WHERE d.review_id = newest.review_id AND d.kind = 'approve' AND d.seal = v.seal AND d.decided_at <= t.started_at
) AS agreed ON true
WHERE m.needs_decision
    AND (newest.kind = 'approve' AND newest.seal = v.seal AND agreed.people >= newest.people_needed) IS NOT TRUE
"""

NOBODY_DECIDES_ON_THEIR_OWN = """
SELECT 'decision ' || d.id FROM oversight_decision d
JOIN oversight_review w ON w.id = d.review_id
JOIN messaging_message m ON m.id = w.message_id
JOIN mailboxes_member person ON person.id = d.member_id
LEFT JOIN mailboxes_apikey k ON k.id = d.key_id
WHERE person.account_id <> w.account_id
    OR m.member_id = d.member_id
    OR d.key_id IS NOT NULL AND (k.member_id IS DISTINCT FROM d.member_id OR NOT 'decide' = ANY(k.scopes))
"""

# The CHECK on keys says so too; this one sees what was written past it.
SENDS_OR_DECIDES = """
SELECT 'key ' || k.id FROM mailboxes_apikey k
WHERE 'decide' = ANY(k.scopes) AND (k.scopes && ARRAY['send', 'admin']::varchar[] OR k.agent_id IS NOT NULL)
    OR (k.agent_id IS NULL) = (k.member_id IS NULL)
"""

OPEN_MEANS_HELD = """
SELECT 'review ' || min(w.id::text) FROM oversight_review w WHERE w.state = 'open'
GROUP BY w.message_id HAVING count(*) > 1
UNION ALL
SELECT 'review ' || w.id FROM oversight_review w JOIN messaging_message m ON m.id = w.message_id
WHERE m.status NOT IN (
    SELECT unnest(CASE w.state
        WHEN 'open' THEN ARRAY['held']
        WHEN 'approved' THEN ARRAY['queued', 'sending', 'unknown', 'sent', 'failed']
        ELSE ARRAY[w.state] END))
    AND w.opened_at = (SELECT max(newer.opened_at) FROM oversight_review newer WHERE newer.message_id = m.id)
"""

# Every decision raises the review's version by one, and so does a release that found it stale: version = decisions +
# reopened + 1, whoever raced whom. Approvals count from `votes_from` on.
ONE_WINNER = """
SELECT 'review ' || w.id FROM oversight_review w
LEFT JOIN LATERAL (
    SELECT count(*) AS decisions, count(DISTINCT d.version) AS versions, max(d.version) AS newest
    FROM oversight_decision d WHERE d.review_id = w.id
) AS made ON true
LEFT JOIN oversight_decision last ON last.review_id = w.id AND last.version = made.newest
LEFT JOIN LATERAL (
    SELECT count(DISTINCT d.member_id) AS people FROM oversight_decision d
    WHERE d.review_id = w.id AND d.kind = 'approve' AND d.version >= w.votes_from AND d.version > coalesce((
        SELECT max(o.version) FROM oversight_decision o WHERE o.review_id = w.id AND o.kind <> 'approve'), 0)
) AS agreed ON true
WHERE made.decisions <> made.versions
    OR w.version <> made.decisions + w.reopened_count + 1
    OR w.state = 'approved' AND last.kind IS DISTINCT FROM 'approve'
    OR w.state = 'rejected' AND last.kind IS DISTINCT FROM 'reject'
    OR w.state = 'returned' AND last.kind IS DISTINCT FROM 'request_changes'
    OR w.state IN ('open', 'expired') AND last.kind = 'reject'
    OR w.state = 'open' AND last.kind = 'request_changes'
    OR w.state IN ('open', 'expired', 'returned') AND agreed.people >= w.people_needed
    OR w.state = 'approved' AND agreed.people < w.people_needed
    OR EXISTS (
        SELECT 1 FROM oversight_decision d
        WHERE d.review_id = w.id AND d.kind = 'reject' AND d.version < made.newest)
"""

ONLY_STRICTER = """
SELECT 'message ' || m.id FROM messaging_message m
WHERE m.direction = 'OUTBOUND' AND NOT m.needs_decision AND (
    m.oversight_mode NOT IN ('monitored', 'autonomous')
    OR NOT EXISTS (SELECT 1 FROM oversight_evaluation e WHERE e.message_id = m.id AND e.outcome = 'allow'))
"""

INVARIANTS = (
    promise(
        "I04",
        "No attempt on a gated message starts unless a human's last word was to approve exactly its bytes.",
        DECIDED_BEFORE_ATTEMPTED,
    ),
    promise("I06", "Whoever decides is a member of the account and not the author.", NOBODY_DECIDES_ON_THEIR_OWN),
    promise("I06b", "No key both sends and decides; each belongs to one agent or to one member.", SENDS_OR_DECIDES),
    promise("I07b", "A message has one open review at most, and is where its newest review says.", OPEN_MEANS_HELD),
    promise(
        "I07", "Of those who decide at once one wins: one decision a version, and the last one counts.", ONE_WINNER
    ),
    promise(
        "I09", "Nothing leaves ungated unless the policy allowed it in a mode that sends by itself.", ONLY_STRICTER
    ),
)
