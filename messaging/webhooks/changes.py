"""Changing a webhook: what its owner may say of it after it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from mailboxes import standing
from mailboxes.principals import Principal
from messaging import safe_http
from messaging.models import EndpointStatus, WebhookEndpoint

from . import endpoints, headers, redelivery
from .endpoints import CheckedUrl, once_each


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be otherwise; None leaves it as it is, and no headers at all is {}, no tags ()."""

    url: CheckedUrl | None = None
    events: Sequence[str] | None = None
    status: str | None = None
    headers: Mapping[str, str] | None = None
    tags: Sequence[str] | None = None
    is_ordered: bool | None = None


def change(actor: Principal, endpoint_id: object, asked: Change, *, now: datetime) -> WebhookEndpoint:
    """Change what is asked. Headers do not go along to another host: they are dropped unless they are sent again.

    The secret stays, whatever the URL: it is ours, to sign with, and is sent nowhere. What waits goes at once when the
    endpoint is made ACTIVE.
    """
    standing.check_not_suspended(actor.account)
    if asked.headers is not None:
        headers.check(asked.headers)
    with transaction.atomic():
        return apply(endpoints.lock(actor, endpoint_id), asked, by=actor.identity, now=now)


def apply(endpoint: WebhookEndpoint, asked: Change, *, by: str, now: datetime) -> WebhookEndpoint:
    """Write down and record what differs. The caller holds the endpoint's lock."""
    wanted = _wanted(endpoint, asked)
    changed = [name for name, value in wanted.items() if getattr(endpoint, name) != value]
    for name in changed:
        setattr(endpoint, name, wanted[name])
    if changed:
        endpoint.updated_at = now
        endpoint.save(update_fields=[*changed, "updated_at"])
        if wanted.get("status") == EndpointStatus.ACTIVE:
            redelivery.hurry(endpoint, now=now)
        endpoints.record(endpoint, "webhook.changed", by=by, now=now, changed=sorted(changed))
    return endpoint


def _wanted(endpoint: WebhookEndpoint, asked: Change) -> dict[str, object]:
    wanted: dict[str, object] = {}
    if asked.url is not None:
        wanted["url"] = asked.url
        if not safe_http.is_same_origin(endpoint.url, asked.url):
            wanted["headers"] = {}
    if asked.events is not None:
        wanted["events"] = once_each(asked.events)
    if asked.tags is not None:
        wanted["tags"] = once_each(asked.tags)
    if asked.is_ordered is not None:
        wanted["is_ordered"] = asked.is_ordered
    if asked.headers is not None:
        wanted["headers"] = headers.seal(asked.headers)
    if asked.status is not None:
        wanted["status"] = EndpointStatus(asked.status)
        if asked.status == EndpointStatus.ACTIVE:
            wanted |= {"failure_count": 0, "failing_since": None}
    return wanted
