"""A new secret for a webhook. The one before signs along for a while, so that no delivery is refused meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from mailboxes.events import moment_text
from mailboxes.principals import Principal
from messaging.models import WebhookEndpoint

from . import endpoints


def rotate(
    actor: Principal, endpoint_id: object, *, overlap_hours: int | None = None, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """The endpoint and the text of its new secret, shown once.

    The old one signs along for `overlap_hours` (WEBHOOK_SECRET_OVERLAP_HOURS where nothing is said): 0 ends it at once,
    which is for a secret that leaked. Of two that are live already the older is dropped. Works while the account is
    suspended, as revoking a key does.
    """
    hours = settings.WEBHOOK_SECRET_OVERLAP_HOURS if overlap_hours is None else overlap_hours
    secret, sealed = endpoints.new_secret()
    with transaction.atomic():
        endpoint = endpoints.lock(actor, endpoint_id)  # of two at once the second rotates what the first has made
        endpoint.previous_secret = endpoint.secret if hours else None
        endpoint.previous_until = now + timedelta(hours=hours) if hours else None
        endpoint.secret, endpoint.secret_at, endpoint.updated_at = sealed, now, now
        endpoint.save(update_fields=["secret", "secret_at", "previous_secret", "previous_until", "updated_at"])
        until = moment_text(endpoint.previous_until) if endpoint.previous_until else None
        endpoints.record(endpoint, "webhook.secret_rotated", by=actor.identity, now=now, previous_until=until)
    return endpoint, secret


def forget_ended(*, now: datetime) -> int:
    """Forget the secrets that sign no more; how many."""
    ended = WebhookEndpoint.objects.filter(previous_until__lte=now)
    return ended.update(previous_secret=None, previous_until=None)
