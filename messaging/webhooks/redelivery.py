"""Telling once more: rows become due again under the id that they have. Whoever tells is another process.

A redelivery has the whole schedule before it: what was tried before counts no more (`attempts_before`). It ends a
lease, so that an attempt that is under way changes nothing: whoever asks for one more is told once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F

from mailboxes import standing, statements
from mailboxes.errors import Gone, NotFound
from mailboxes.principals import Principal
from messaging.events import catalog, cursors
from messaging.models import EVERYTHING, DeliveryStatus, WebhookDelivery, WebhookEndpoint

from . import deliveries, doorbell, endpoints, matching

# Through the log, not along what was given up: so many events are looked at, however many others there are. LATERAL
# with OFFSET 0: one by one by what names a delivery, whatever the planner believes of a table that was just filled.
GIVEN_UP = """
WITH given_up AS MATERIALIZED (
    SELECT one.id FROM mailboxes_event AS e CROSS JOIN LATERAL (
        SELECT d.id, d.status FROM messaging_webhookdelivery AS d
        WHERE d.endpoint_id = %(endpoint)s AND d.event_id = e.id OFFSET 0
    ) AS one
    WHERE e.account_id = %(account)s AND e.seq > %(after)s AND e.seq <= %(until)s AND e.kind = ANY(%(kinds)s)
        AND one.status = 'FAILED'
)
UPDATE messaging_webhookdelivery SET status = 'PENDING', next_at = %(now)s, attempts_before = attempts
WHERE id = ANY(ARRAY(SELECT id FROM given_up))
RETURNING id
"""
# What the endpoint has no row of gets one: it is from before it was subscribed, or there was an endpoint at all.
ALL = f"""
WITH found AS MATERIALIZED (
    SELECT w.id AS endpoint_id, w.mailbox_id AS only_mailbox, w.events, w.tags,
        e.id, e.seq, e.kind, e.subject, e.mailbox_id, e.data
    FROM messaging_webhookendpoint AS w JOIN mailboxes_event AS e ON e.account_id = w.account_id
    WHERE w.id = %(endpoint)s AND e.seq > %(after)s AND e.seq <= %(until)s
), {matching.WANTED}
{matching.INTO}
{matching.ROWS}
ORDER BY seq
ON CONFLICT (endpoint_id, event_id) DO UPDATE
SET status = 'PENDING', next_at = excluded.next_at, leased_until = NULL,
    attempts_before = messaging_webhookdelivery.attempts
RETURNING id
"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Range:
    """Which part of the log: behind the event `after` (None: all that is still told), up to `until` (None: to its end).

    `is_failed_only`: only deliveries that were given up. `kinds`: only these, of what the endpoint is subscribed to.
    """

    after: str | None
    until: str | None
    is_failed_only: bool
    kinds: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Redelivered:
    """`count` deliveries are due. The log was looked at up to the event `cursor`; `has_more` if the range goes on."""

    count: int
    has_more: bool
    cursor: str


def redeliver(actor: Principal, endpoint_id: object, delivery_id: object, *, now: datetime) -> WebhookDelivery:
    """The delivery, due now, whatever became of it before."""
    standing.check_not_suspended(actor.account)
    with transaction.atomic():
        endpoint = endpoints.lock(actor, endpoint_id)
        delivery = deliveries.get(endpoint, delivery_id)
        again(endpoint, [delivery], now=now)
    delivery.refresh_from_db()
    return delivery


def again(endpoint: WebhookEndpoint, chosen: list[WebhookDelivery], *, now: datetime) -> int:
    """Make these deliveries of the endpoint due; how many. The caller holds the endpoint's lock."""
    rows = endpoint.deliveries.filter(pk__in=[one.pk for one in chosen])
    transaction.on_commit(doorbell.ring, robust=True)
    return rows.update(status=DeliveryStatus.PENDING, next_at=now, leased_until=None, attempts_before=F("attempts"))


def hurry(endpoint: WebhookEndpoint, *, now: datetime) -> int:
    """Make everything that waits for the endpoint due; how many. The caller holds the endpoint's lock."""
    return endpoint.deliveries.filter(status=DeliveryStatus.PENDING, next_at__gt=now).update(next_at=now)


def redeliver_range(actor: Principal, endpoint_id: object, asked: Range, *, now: datetime) -> Redelivered:
    """Make due what a part of the log says, WEBHOOK_REDELIVERY_EVENTS events of it at most.

    It ends where the endpoint's cursor is: what stands behind that is told anyway.
    """
    standing.check_not_suspended(actor.account)
    account_id = actor.account.pk
    with transaction.atomic():
        endpoint = endpoints.lock(actor, endpoint_id)
        after = (
            _place(actor, asked.after, field="after", now=now) if asked.after else cursors.oldest(account_id, now=now)
        )
        end = min(
            endpoint.cursor, _place(actor, asked.until, field="until", now=now) if asked.until else endpoint.cursor
        )
        until = min(end, after + settings.WEBHOOK_REDELIVERY_EVENTS)
        named = {
            "account": account_id,
            "endpoint": endpoint.pk,
            "after": after,
            "until": until,
            "kinds": [kind for kind in matching.KINDS if asked.kinds is None or kind in asked.kinds],
            "of_received": list(catalog.OF_RECEIVED_MAIL),
            "everything": EVERYTHING,
            "now": now,
        }
        transaction.on_commit(doorbell.ring, robust=True)
        count = len(statements.run(GIVEN_UP if asked.is_failed_only else ALL, named))
    last_shown = cursors.newest(account_id)  # what is hidden behind it is no reason to ask once more
    return Redelivered(count, until < min(end, last_shown), cursors.text_of(account_id, max(after, until)))


def _place(actor: Principal, text: str, *, field: str, now: datetime) -> int:
    try:
        return cursors.find(actor.account.pk, text, now=now)
    except cursors.Lost as lost:
        if lost.reason == cursors.EXPIRED:
            raise Gone(
                "What came after this event is no longer told.",
                code="cursor_expired",
                fix=f"Leave '{field}' out for all that is still told.",
                field=field,
            ) from lost
        problem = NotFound("event", code="cursor_unknown", field=field)
        problem.fix = "Send the id of an event: a webhook-id, or a cursor of the log."
        raise problem from lost
