"""The log of an endpoint's deliveries: which there were, each with its attempts, and what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Event
from messaging.events import rendering
from messaging.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery with all its attempts, oldest first, and its body as it would be told now; None: not any more."""

    delivery: WebhookDelivery
    tries: Sequence[WebhookAttempt]
    payload: dict[str, Any] | None


def of(endpoint: WebhookEndpoint, *, status: str | None = None) -> QuerySet[WebhookDelivery]:
    """The endpoint's deliveries, newest first; of one status only, where one is named."""
    found = endpoint.deliveries.order_by("-created_at", "-pk")
    return found if status is None else found.filter(status=status)


def get(endpoint: WebhookEndpoint, delivery_id: object) -> WebhookDelivery:
    """The endpoint's delivery of that id. Raises NotFound for anything else."""
    parsed = parse_id(delivery_id)
    delivery = endpoint.deliveries.filter(pk=parsed).first() if parsed else None
    if delivery is None:
        raise NotFound("delivery")
    return delivery


def tell(endpoint: WebhookEndpoint, delivery_id: object, *, now: datetime) -> Told:
    """All that is known of one delivery."""
    delivery = get(endpoint, delivery_id)
    events = Event.objects.filter(pk=delivery.event_id, account=endpoint.account_id)
    rendered = rendering.render(endpoint.account_id, list(events), now=now)
    payload = json.loads(rendered[0].body) if rendered else None
    return Told(delivery, list(delivery.tries.order_by("number")), payload)
