"""What the database holds of a message's way: one statement for the message, one for what webhooks were told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from mailboxes import statements
from mailboxes.principals import Principal
from messaging.models import Direction, Message, WebhookAttempt, WebhookDelivery
from messaging.replies import REFERENCES_LOOKED_AT
from messaging.webhooks import endpoints

# Each source gives (source, at, number, facts as JSON text), the newest `most` of them. Events are found by subject,
# along their index: an account's log may be very long. A suppression is told by the moment of the report that it
# followed: both are written in one transaction.
FOUND = """
WITH about AS (
    SELECT %(message)s::uuid::text AS subject UNION ALL
    SELECT id::text FROM oversight_review WHERE message_id = %(message)s
), its AS (
    SELECT e.* FROM about CROSS JOIN LATERAL (
        SELECT id, seq, kind, data, created_at FROM mailboxes_event
        WHERE subject = about.subject AND account_id = %(account)s
        ORDER BY seq DESC LIMIT %(most)s
    ) AS e
), opened AS (
    SELECT * FROM oversight_review WHERE message_id = %(message)s
)
(SELECT 'event', created_at, seq, jsonb_build_object('id', id, 'kind', kind, 'data', data)::text FROM its)
UNION ALL
(SELECT 'recipient', %(at)s::timestamptz, 0, jsonb_build_object(
    'id', id, 'address', address, 'state', state, 'code', code, 'text', text, 'next_at', next_at,
    'attempts', attempts_count)::text
FROM messaging_recipient WHERE message_id = %(message)s)
UNION ALL
(SELECT 'file', created_at, 0, jsonb_build_object(
    'filename', filename, 'contentType', content_type, 'sizeBytes', size_bytes)::text
FROM messaging_attachment WHERE message_id = %(message)s ORDER BY created_at, filename LIMIT %(most)s)
UNION ALL
(SELECT 'evaluation', evaluated_at, 0, jsonb_build_object(
    'outcome', outcome, 'code', reason_code, 'trace', trace, 'mode', facts->>'mode')::text
FROM oversight_evaluation WHERE message_id = %(message)s ORDER BY evaluated_at DESC LIMIT %(most)s)
UNION ALL
(SELECT 'review', opened_at, 0, jsonb_build_object(
    'id', id, 'code', reason_code, 'text', reason_text, 'expires_at', expires_at, 'version', version)::text
FROM opened)
UNION ALL
(SELECT 'decision', d.decided_at, d.version, jsonb_build_object(
    'id', d.id, 'review_id', d.review_id, 'kind', d.kind, 'reason', d.reason, 'note', d.note, 'door', d.door,
    'fields', (SELECT jsonb_agg(e.field ORDER BY e.field) FROM oversight_edit e WHERE e.decision_id = d.id),
    'is_newest', d.version = opened.version - 1, 'name', coalesce(nullif(u.name, ''), u.email))::text
FROM opened JOIN oversight_decision d ON d.review_id = opened.id
JOIN mailboxes_member m ON m.id = d.member_id JOIN mailboxes_user u ON u.id = m.user_id
ORDER BY d.decided_at DESC LIMIT %(most)s)
UNION ALL
(SELECT 'attempt', coalesce(t.finished_at, t.started_at), t.number, jsonb_build_object(
    'recipient_id', t.recipient_id, 'started_at', t.started_at, 'finished_at', t.finished_at,
    'outcome', t.outcome, 'code', t.code, 'text', t.text)::text
FROM messaging_recipient r JOIN messaging_attempt t ON t.recipient_id = r.id
WHERE r.message_id = %(message)s ORDER BY 2 DESC, t.number DESC LIMIT %(most)s)
UNION ALL
(SELECT 'stop', s.stopped_at, 0, jsonb_build_object('scope', s.scope, 'resumed_at', s.resumed_at)::text
FROM messaging_message m JOIN mailboxes_stop s
    ON s.account_id = m.account_id AND s.subject_id IN (m.account_id, m.mailbox_id, m.agent_id, m.key_id)
    OR s.scope = 'everything'
WHERE m.id = %(message)s AND %(is_sent)s AND (s.resumed_at IS NULL OR s.resumed_at >= m.created_at)
ORDER BY s.stopped_at DESC LIMIT %(most)s)
UNION ALL
(SELECT 'suppression', created_at, 0, jsonb_build_object('id', id, 'key', key, 'reason', reason)::text
FROM messaging_suppression WHERE account_id = %(account)s AND created_at IN (
    SELECT created_at FROM its WHERE kind IN ('message.bounced', 'message.complaint')))
UNION ALL
(SELECT 'answered', created_at, 0, jsonb_build_object(
    'id', id, 'message_id', message_id, 'direction', direction, 'at', created_at)::text
FROM messaging_message WHERE mailbox_id = %(mailbox)s AND message_id = ANY(%(named)s) AND id <> %(message)s AND (
    direction = 'OUTBOUND' AND status NOT IN ('accepted', 'refused')
    OR direction = 'INBOUND' AND status = 'released' AND %(is_sent)s)
ORDER BY created_at DESC LIMIT %(most)s)
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of evidence. `number` is an event's place in the log, an attempt's number or a decision's version."""

    source: str
    at: datetime
    number: int
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found of one message, by source."""

    by_source: Mapping[str, Sequence[Fact]]

    def of(self, source: str) -> Sequence[Fact]:
        """Oldest first."""
        return self.by_source.get(source, ())

    def events(self, *kinds: str) -> list[Fact]:
        """The events of these kinds, in the order of the log."""
        return [fact for fact in self.of("event") if fact.said["kind"] in kinds]

    def is_longer_than(self, most: int) -> bool:
        """Whether of any source there may be more than what was read."""
        return any(len(found) > most for found in self.by_source.values())

    def recipients(self) -> dict[str, Mapping[str, Any]]:
        """The message's recipients by id."""
        return {fact.said["id"]: fact.said for fact in self.of("recipient")}


def gather(message: Message, *, most: int) -> Evidence:
    """What is known of the message; of each source the newest `most` rows."""
    given = {
        "message": message.pk,
        "account": message.account_id,
        "mailbox": message.mailbox_id,
        "at": message.created_at,
        "named": named(message),
        "is_sent": message.direction == Direction.OUTBOUND,
        "most": most,
    }
    rows = [_fact(*row) for row in statements.run(FOUND, given)]
    rows.sort(key=attrgetter("source", "at", "number"))
    return Evidence({source: tuple(found) for source, found in groupby(rows, key=attrgetter("source"))})


def _fact(source: str, at: datetime, number: int, text: str) -> Fact:
    said = json.loads(text)
    if source == "event":
        said["data"] = json.loads(said["data"])
    return Fact(source, at, number, said)


def named(message: Message) -> list[str]:
    """The Message-IDs that the message names as what it answers, nearest first (see `messaging.replies`)."""
    nearest = [message.in_reply_to] if message.in_reply_to else []
    return nearest + list(reversed(message.references[-REFERENCES_LOOKED_AT:]))


def tellings(events: Sequence[Fact], *, actor: Principal, most: int) -> list[WebhookDelivery]:
    """What webhooks that the actor may see were told of these events, or will be; newest first.

    Each has its webhook as `endpoint` and how long its last attempt took, in milliseconds, as `took`.
    """
    newest = WebhookAttempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
    ids = [UUID(fact.said["id"]) for fact in events]
    # The account is said too: whose endpoints they are is known before any delivery is looked at.
    mine = WebhookDelivery.objects.filter(endpoint__account=actor.account, endpoint__in=endpoints.visible(actor))
    told = (
        mine.filter(event_id__in=ids)
        .select_related("endpoint")
        .annotate(took=Subquery(newest.values("duration_ms")[:1]))
    )
    return list(told.order_by("-created_at", "-pk")[:most])
