"""A test delivery on request: one event, told to one endpoint, whatever that one is subscribed to."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from mailboxes import standing
from mailboxes.errors import Conflict, LimitReached
from mailboxes.models import Event
from mailboxes.principals import Principal
from messaging.models import EndpointStatus, WebhookDelivery, WebhookEndpoint

from . import endpoints
from .matching import PINGED

MINUTE = timedelta(minutes=1)


def ping(actor: Principal, endpoint_id: object, *, now: datetime) -> WebhookDelivery:
    """A delivery of `webhook.pinged`, due now. Raises Conflict where the endpoint is not ACTIVE, LimitReached.

    A paused or failed endpoint is told nothing, so a ping would only wait there: it is refused instead. In an ordered
    one the ping stands in line like everything else.
    """
    standing.check_not_suspended(actor.account)
    with transaction.atomic():
        endpoint = endpoints.lock(actor, endpoint_id)  # so that the pings of the last minute stay counted
        _check_active(endpoint)
        _check_rate(endpoint, now=now)
        event = endpoints.record(endpoint, PINGED, by=actor.identity, now=now)
        return WebhookDelivery.objects.create(
            endpoint=endpoint, event_id=event.pk, event_seq=event.seq, event=PINGED, next_at=now, created_at=now
        )


def _check_active(endpoint: WebhookEndpoint) -> None:
    if endpoint.status != EndpointStatus.ACTIVE:
        raise Conflict(
            f"The webhook is {endpoint.status}, so it is told nothing.",
            code="webhook_not_active",
            fix='PATCH it with {"status": "ACTIVE"}: what waits for it goes at once, which tests it as well.',
        )


def _check_rate(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    most = settings.WEBHOOK_PINGS_PER_MINUTE
    pinged = Event.objects.filter(subject=str(endpoint.pk), kind=PINGED).order_by("-seq")
    recent = list(pinged.values_list("created_at", flat=True)[:most])
    if most and len(recent) == most and recent[-1] > now - MINUTE:
        wait = int((recent[-1] + MINUTE - now).total_seconds()) + 1
        raise LimitReached(
            f"A webhook is pinged {most} times a minute at most.",
            code="too_many_pings",
            fix=f"Wait {wait} seconds.",
            headers={"Retry-After": str(wait)},
        )
