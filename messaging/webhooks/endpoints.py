"""Webhook endpoints: made, changed, deleted, found. The one writer of what their owners may say of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from mailboxes import events, standing, vault
from mailboxes.errors import Forbidden, Invalid, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Account, Event, Mailbox
from mailboxes.principals import Principal
from messaging import safe_http
from messaging.models import EndpointStatus, WebhookDelivery, WebhookEndpoint

from . import headers

SECRET_PURPOSE = "webhook secrets"  # noqa: S105 - says what for
SECRET_BYTES = 32
DELIVERIES_SHOWN = 20

CheckedUrl = NewType("CheckedUrl", str)


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What is asked of a new endpoint. Without a mailbox it is told of the whole account."""

    url: CheckedUrl
    events: Sequence[str]
    mailbox: Mailbox | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be otherwise; None leaves it as it is, and no headers at all is {}."""

    url: CheckedUrl | None = None
    events: Sequence[str] | None = None
    status: str | None = None
    headers: Mapping[str, str] | None = None


def check_url(url: str) -> CheckedUrl:
    """The URL, if it may be told to. Raises Invalid; `reason` says why. Asks the DNS: not inside a transaction."""
    try:
        safe_http.check_url(url, allow=safe_http.webhook_receivers())
    except safe_http.Refused as refused:
        raise Invalid(
            refused.sentence,
            code="url_refused",
            fix="Give an https URL of a host on the public internet.",
            field="url",
            reason=refused.code,
        ) from refused
    return CheckedUrl(url)


def visible(actor: Principal) -> QuerySet[WebhookEndpoint]:
    """The endpoints that this principal may see: a scoped key those of its mailboxes, never the whole account's."""
    mine = _of(actor.account)
    return mine if actor.mailbox_ids is None else mine.filter(mailbox__in=actor.mailbox_ids)


def get(actor: Principal, endpoint_id: object) -> WebhookEndpoint:
    """The endpoint of that id in the actor's scope. Raises NotFound for anything else."""
    return _found(visible(actor), endpoint_id)


def create(actor: Principal, asked: NewEndpoint, *, now: datetime) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, active at once, and the text of its secret, shown once."""
    standing.check_not_suspended(actor.account)
    if asked.mailbox is None and actor.mailbox_ids is not None:
        raise Invalid(
            "A key that is scoped to mailboxes makes webhooks of one of them.",
            code="missing_field",
            fix="Send the mailboxId of one of the key's mailboxes.",
            field="mailboxId",
        )
    headers.check(asked.headers)
    secret = secrets.token_hex(SECRET_BYTES)
    endpoint = WebhookEndpoint(
        account=actor.account,
        mailbox=asked.mailbox,
        url=asked.url,
        events=_once_each(asked.events),
        headers=headers.seal(asked.headers),
        secret=vault.seal(secret.encode(), purpose=SECRET_PURPOSE),
        created_at=now,
        updated_at=now,
    )
    with transaction.atomic():
        _check_room(actor.account)
        endpoint.save(force_insert=True)
        event = _record(endpoint, "webhook.created", actor, now=now)
        # After the event, whose place is known only then: what happened before is not told.
        endpoint.cursor = event.seq
        endpoint.save(update_fields=["cursor"])
    return endpoint, secret


def change(actor: Principal, endpoint_id: object, asked: Change, *, now: datetime) -> WebhookEndpoint:
    """Change what is asked. Headers do not go along to another host: they are dropped unless they are sent again."""
    standing.check_not_suspended(actor.account)
    if asked.headers is not None:
        headers.check(asked.headers)
    with transaction.atomic():
        # The mailbox is looked at, not locked: FOR UPDATE takes no outer join, and nothing here changes it.
        endpoint = _found(visible(actor).select_for_update(of=("self",)), endpoint_id)
        changed = _apply(endpoint, asked)
        if changed:
            endpoint.updated_at = now
            endpoint.save(update_fields=[*changed, "updated_at"])
            _record(endpoint, "webhook.changed", actor, now=now, changed=sorted(changed))
    return endpoint


def delete(actor: Principal, endpoint_id: object, *, now: datetime) -> None:
    """Delete the endpoint with its deliveries; what is on its way may still arrive."""
    with transaction.atomic():
        endpoint = _found(visible(actor).select_for_update(of=("self",)), endpoint_id)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).delete()
        _record(endpoint, "webhook.deleted", actor, now=now)


def newest_deliveries(endpoint: WebhookEndpoint) -> list[WebhookDelivery]:
    """The 20 newest deliveries, newest first."""
    return list(endpoint.deliveries.order_by("-created_at", "-pk")[:DELIVERIES_SHOWN])


def live_secrets(endpoint: WebhookEndpoint, *, now: datetime) -> tuple[str, ...]:
    """The secrets that sign, newest first: after a rotation also the one before, until its time is over."""
    sealed = [endpoint.secret]
    if endpoint.previous_secret is not None and endpoint.previous_until and now < endpoint.previous_until:
        sealed.append(endpoint.previous_secret)
    return tuple(vault.unseal(bytes(one), purpose=SECRET_PURPOSE).decode() for one in sealed)


def _of(account: Account) -> QuerySet[WebhookEndpoint]:
    """The account's endpoints; those of deleted mailboxes are gone with them."""
    is_there = Q(mailbox__isnull=True) | Q(mailbox__deleted_at__isnull=True)
    return WebhookEndpoint.objects.filter(is_there, account=account)


def _found(endpoints: QuerySet[WebhookEndpoint], endpoint_id: object) -> WebhookEndpoint:
    parsed = parse_id(endpoint_id)
    endpoint = endpoints.filter(pk=parsed).first() if parsed else None
    if endpoint is None:
        raise NotFound("webhook")
    return endpoint


def _check_room(account: Account) -> None:
    # The account's row lock puts those who make webhooks in order, so the count stays true until they have committed.
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    most = settings.WEBHOOKS_PER_ACCOUNT
    if most and _of(account).count() >= most:
        raise Forbidden(
            f"An account has at most {most} webhooks.",
            code="webhook_limit",
            fix="Delete one by DELETE /v1/webhooks/{id}; one webhook takes several kinds of events.",
        )


def _apply(endpoint: WebhookEndpoint, asked: Change) -> list[str]:
    """Set what differs; the names of the fields that do."""
    wanted: dict[str, object] = {}
    if asked.url is not None:
        wanted["url"] = asked.url
        if not safe_http.is_same_origin(endpoint.url, asked.url):
            wanted["headers"] = {}
    if asked.events is not None:
        wanted["events"] = _once_each(asked.events)
    if asked.headers is not None:
        wanted["headers"] = headers.seal(asked.headers)
    if asked.status is not None:
        wanted["status"] = EndpointStatus(asked.status)
        if asked.status == EndpointStatus.ACTIVE:
            wanted["failure_count"] = 0
    changed = [name for name, value in wanted.items() if getattr(endpoint, name) != value]
    for name in changed:
        setattr(endpoint, name, wanted[name])
    return changed


def _once_each(kinds: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(kinds))


def _record(
    endpoint: WebhookEndpoint, kind: str, actor: Principal, *, now: datetime, changed: Sequence[str] = ()
) -> Event:
    data: dict[str, object] = {"webhook_id": str(endpoint.pk), "by": actor.identity}
    if changed:
        data["changed"] = list(changed)
    return events.record(
        endpoint.account_id, kind, subject=str(endpoint.pk), data=data, now=now, mailbox_id=endpoint.mailbox_id
    )
