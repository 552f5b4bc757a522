"""Webhook endpoints: found, made, deleted, and the secrets that sign for them."""

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
from messaging.models import WebhookEndpoint

from . import headers

SECRET_PURPOSE = "webhook secrets"  # noqa: S105 - says what for
SECRET_BYTES = 32

CheckedUrl = NewType("CheckedUrl", str)


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What is asked of a new endpoint. Without a mailbox it is told of the whole account."""

    url: CheckedUrl
    events: Sequence[str]
    mailbox: Mailbox | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    is_ordered: bool = False


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


def lock(actor: Principal, endpoint_id: object) -> WebhookEndpoint:
    """As `get`, and nobody else changes it until the transaction ends.

    The mailbox is looked at, not locked: FOR UPDATE takes no outer join, and nothing here changes it.
    """
    return _found(visible(actor).select_for_update(of=("self",)), endpoint_id)


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
    secret, sealed = new_secret()
    endpoint = WebhookEndpoint(
        account=actor.account,
        mailbox=asked.mailbox,
        url=asked.url,
        events=once_each(asked.events),
        tags=once_each(asked.tags),
        is_ordered=asked.is_ordered,
        headers=headers.seal(asked.headers),
        secret=sealed,
        secret_at=now,
        created_at=now,
        updated_at=now,
    )
    with transaction.atomic():
        _check_room(actor.account)
        endpoint.save(force_insert=True)
        event = record(endpoint, "webhook.created", by=actor.identity, now=now)
        # After the event, whose place is known only then: what happened before is not told.
        endpoint.cursor = event.seq
        endpoint.save(update_fields=["cursor"])
    return endpoint, secret


def delete(actor: Principal, endpoint_id: object, *, now: datetime) -> None:
    """Delete the endpoint with its deliveries; what is on its way may still arrive."""
    with transaction.atomic():
        endpoint = lock(actor, endpoint_id)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).delete()
        record(endpoint, "webhook.deleted", by=actor.identity, now=now)


def new_secret() -> tuple[str, bytes]:
    """A fresh secret, as it is shown and as it is kept."""
    secret = secrets.token_hex(SECRET_BYTES)
    return secret, vault.seal(secret.encode(), purpose=SECRET_PURPOSE)


def live_secrets(endpoint: WebhookEndpoint, *, now: datetime) -> tuple[str, ...]:
    """The secrets that sign, newest first: after a rotation also the one before, until its time is over."""
    sealed = [endpoint.secret]
    if endpoint.previous_secret is not None and endpoint.previous_until and now < endpoint.previous_until:
        sealed.append(endpoint.previous_secret)
    return tuple(vault.unseal(bytes(one), purpose=SECRET_PURPOSE).decode() for one in sealed)


def once_each(names: Sequence[str]) -> list[str]:
    """The names in their order, each once."""
    return list(dict.fromkeys(names))


def record(endpoint: WebhookEndpoint, kind: str, *, by: str, now: datetime, **facts: object) -> Event:
    """One event about the endpoint, in its account's log."""
    data = {"webhook_id": str(endpoint.pk), "by": by, **facts}
    return events.record(
        endpoint.account_id, kind, subject=str(endpoint.pk), data=data, now=now, mailbox_id=endpoint.mailbox_id
    )


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
