"""One attempt: what is posted where, made ready with the database, then posted without it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

from mailboxes import statements
from messaging import safe_http
from messaging.events import rendering
from messaging.events.entries import COLUMNS, Logged
from messaging.faultpoints import faultpoint
from messaging.models import WebhookEndpoint
from messaging.safe_http import Fetched, Lines

from . import endpoints, headers, schedule, signing
from .claims import Claim

log = structlog.get_logger(__name__)

EVENTS = f"""
SELECT event.account_id, {COLUMNS}
FROM unnest(%(ids)s::uuid[], %(accounts)s::uuid[]) AS asked (id, account_id)
JOIN mailboxes_event AS event ON event.id = asked.id AND event.account_id = asked.account_id
ORDER BY event.account_id, event.seq
"""  # noqa: S608 - ours
# What we say of an attempt in place of the receiver.
NOT_TOLD = "not_told"  # no agent is told this event any more
OUR_FAULT = "internal_error"
REDIRECTED = "redirected"


@dataclass(frozen=True, slots=True)
class Watch:
    """The platform's clock without the database: read once, then counted on."""

    began_at: datetime
    began: float

    @classmethod
    def begun(cls, now: datetime) -> Watch:
        return cls(now, time.monotonic())

    def now(self) -> datetime:
        return self.began_at + timedelta(seconds=time.monotonic() - self.began)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where an endpoint is told, and with what. `secrets` are the live ones, newest first."""

    account_id: UUID
    url: str
    secrets: Sequence[str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Telling:
    """A claim with all that its attempt needs."""

    claim: Claim
    receiver: Receiver
    body: bytes
    watch: Watch


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: the answer's status, or the code of why there was none. `wish`: when they want it again."""

    claim: Claim
    started_at: datetime
    ended_at: datetime
    status: int | None = None
    code: str = ""
    wish: datetime | None = None

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300 and not self.code

    @property
    def is_their_failure(self) -> bool:
        """Whether it counts against the endpoint."""
        return not self.is_taken and self.code not in (NOT_TOLD, OUR_FAULT)


def prepare(claims: Sequence[Claim], *, now: datetime) -> tuple[list[Telling], list[Outcome]]:
    """What is to be posted, and what ended before that. An event is rendered as it is told now, in bulk."""
    watch = Watch.begun(now)
    found = WebhookEndpoint.objects.filter(pk__in={one.endpoint_id for one in claims})
    receivers = {endpoint.pk: _receiver(endpoint, now=now) for endpoint in found}
    bodies = _bodies(claims, receivers, now=now)
    ready: list[Telling] = []
    ended: list[Outcome] = []
    for claim in claims:
        receiver, body = receivers.get(claim.endpoint_id), bodies.get(claim.event_id, NOT_TOLD)
        if receiver is None:  # what was deleted meanwhile took its deliveries along
            ended.append(Outcome(claim, now, now, code=OUR_FAULT))
        elif isinstance(body, str):
            ended.append(Outcome(claim, now, now, code=body))
        else:
            ready.append(Telling(claim, receiver, body, watch))
    return ready, ended


def tell(telling: Telling, *, lines: Lines) -> Outcome | None:
    """Post it once, and say how it went; None: too late to begin, somebody else may have it. Asks no database."""
    claim, watch = telling.claim, telling.watch
    started_at = watch.now()
    if started_at + timedelta(seconds=settings.WEBHOOK_SECONDS) >= claim.leased_until:
        return None
    try:
        answer = _ask(telling, lines, now=started_at)
    except safe_http.Failure as failure:
        return Outcome(claim, started_at, watch.now(), code=failure.code)
    except Exception:
        log.exception("webhook.attempt_broke", delivery=str(claim.delivery_id))
        return Outcome(claim, started_at, watch.now(), code=OUR_FAULT)
    ended_at = watch.now()
    code = REDIRECTED if 300 <= answer.status < 400 else ""
    wish = schedule.wish_of(answer.status, answer.headers.get("retry-after", ""), now=ended_at)
    return Outcome(claim, started_at, ended_at, answer.status, code, wish)


def _ask(telling: Telling, lines: Lines, *, now: datetime) -> Fetched:
    claim, receiver = telling.claim, telling.receiver
    signed = signing.headers(
        secrets=receiver.secrets,
        attempt=claim.number,
        event_id=claim.event_id,
        delivery_id=claim.delivery_id,
        body=telling.body,
        now=now,
    )
    faultpoint("hook.before_post")
    told = {**receiver.headers, **signed}
    allow = safe_http.webhook_receivers()
    answer = lines.post(receiver.url, body=telling.body, headers=told, seconds=settings.WEBHOOK_SECONDS, allow=allow)
    if 200 <= answer.status < 300:
        faultpoint("hook.after_2xx")
    return answer


def _receiver(endpoint: WebhookEndpoint, *, now: datetime) -> Receiver | None:
    """None: its secrets can't be read, and everybody else is told all the same."""
    try:
        secrets, theirs = endpoints.live_secrets(endpoint, now=now), headers.unseal(endpoint.headers)
    except ImproperlyConfigured:
        log.exception("webhook.sealed_otherwise", endpoint=str(endpoint.pk))
        return None
    return Receiver(endpoint.account_id, endpoint.url, secrets, theirs)


def _bodies(
    claims: Iterable[Claim], receivers: Mapping[UUID, Receiver | None], *, now: datetime
) -> dict[UUID, bytes | str]:
    """By event: its envelope, or the code of why there is none. What is in neither is not told."""
    accounts = {one.event_id: found.account_id for one in claims if (found := receivers.get(one.endpoint_id))}
    rows = statements.run(EVENTS, {"ids": list(accounts), "accounts": list(accounts.values())}) if accounts else []
    bodies: dict[UUID, bytes | str] = {}
    for account_id, group in groupby(rows, key=lambda row: row[0]):
        bodies |= _rendered(account_id, [Logged._make(row[1:]) for row in group], now=now)
    return bodies


def _rendered(account_id: UUID, events: Sequence[Logged], *, now: datetime) -> dict[UUID, bytes | str]:
    """One event that can't be rendered, by a defect of ours, holds up no other."""
    try:
        return {told.id: told.body.encode() for told in rendering.render(account_id, events, now=now)}
    except (OperationalError, InterfaceError):
        raise  # the database is away; that says nothing of the events
    except Exception:
        if len(events) == 1:
            log.exception("webhook.not_rendered", event=str(events[0].id))
            return {events[0].id: OUR_FAULT}
    half = len(events) // 2
    return _rendered(account_id, events[:half], now=now) | _rendered(account_id, events[half:], now=now)
