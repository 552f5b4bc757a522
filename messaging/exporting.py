"""Mail in an account's archive: what agents may know of, each message with its recipients, its files and its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Length

from mailboxes.export import Table, columns, in_groups, register
from mailboxes.exporting import of_account
from mailboxes.models import Account, Mailbox

from .attachments import reading
from .models import (
    Attachment,
    Attempt,
    DeadLetter,
    Direction,
    Message,
    RawMessage,
    Recipient,
    Revision,
    Suppression,
    Thread,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from .visibility import visible


def _messages(account: Account) -> Iterable[QuerySet[Message]]:
    # One by one along the index of a mailbox.
    for box in _mailboxes(account):
        for direction in Direction.values:
            yield visible(box).filter(direction=direction)


def _threads(account: Account) -> Iterable[QuerySet[Thread]]:
    for box in _mailboxes(account):
        yield Thread.objects.filter(mailbox=box, message_count__gt=0)


def _mailboxes(account: Account) -> QuerySet[Mailbox]:
    return Mailbox.objects.filter(account=account, deleted_at__isnull=True).order_by("pk")


def _parts(messages: Sequence[Message]) -> Mapping[UUID, Mapping[str, object]]:
    """Recipients with their attempts, and files."""
    told: dict[UUID, dict[str, list[Any]]] = {one.pk: {"recipients": [], "attachments": []} for one in messages}
    attempts: dict[UUID, list[Any]] = {}
    for attempt in Attempt.objects.filter(recipient__message__in=messages).order_by("number"):
        attempts.setdefault(attempt.recipient_id, []).append(columns(attempt, leave_out=INTERNAL))
    for recipient in Recipient.objects.filter(message__in=messages).order_by("pk"):
        told[recipient.message_id]["recipients"].append(
            columns(recipient) | {"attempts": attempts.get(recipient.pk, [])}
        )
    letters: dict[UUID, list[Any]] = {}
    for letter in DeadLetter.objects.filter(message__in=messages).order_by("died_at"):
        letters.setdefault(letter.message_id, []).append(columns(letter))
    for message_id, found in letters.items():
        told[message_id]["dead_letters"] = found
    for file in Attachment.objects.filter(message__in=messages).order_by("pk"):
        assert file.message_id is not None
        told[file.message_id]["attachments"].append(columns(file))
    return told


def _bytes(messages: Sequence[Message]) -> Iterator[tuple[str, bytes]]:
    """Received mail as it came; what was sent in all its versions."""
    received = RawMessage.objects.filter(message__in=messages)
    for ids in in_groups(received.order_by("pk").values_list("pk", Length(F("raw")))):
        for message_id, raw in received.filter(pk__in=ids).values_list("message_id", "raw"):
            yield f"mail/{message_id}.eml", bytes(raw)
    sealed = Revision.objects.filter(message__in=messages)
    for ids in in_groups(sealed.order_by("pk").values_list("pk", Length(F("raw")))):
        for message_id, version, raw in sealed.filter(pk__in=ids).values_list("message_id", "version", "raw"):
            yield f"mail/{message_id}.v{version}.eml", bytes(raw)


def _contents(unsent: Sequence[Attachment]) -> Iterator[tuple[str, bytes]]:
    """Files that were uploaded and not sent; all others stand in their mails."""
    for file in unsent:
        yield f"files/{file.pk}", reading.content_of(file)


def _header_names(endpoints: Sequence[WebhookEndpoint]) -> Mapping[UUID, Mapping[str, object]]:
    """Their values are credentials of others' servers."""
    return {one.pk: {"header_names": list(one.headers)} for one in endpoints}


def _tries(deliveries: Sequence[WebhookDelivery]) -> Mapping[UUID, Mapping[str, object]]:
    told: dict[UUID, dict[str, list[Any]]] = {one.pk: {"tries": []} for one in deliveries}
    for attempt in WebhookAttempt.objects.filter(delivery__in=deliveries).order_by("number"):
        told[attempt.delivery_id]["tries"].append(columns(attempt))
    return told


def _deliveries(account: Account) -> Iterable[QuerySet[WebhookDelivery]]:
    return [WebhookDelivery.objects.filter(endpoint__account=account)]


INTERNAL = frozenset({"worker", "session", "lease_until"})

register(
    Table("threads", _threads),
    Table(
        "messages",
        _messages,
        moment="created_at",
        weight=Length("body_text") + Coalesce(Length("body_html"), 0),
        files=_bytes,
        along=[_parts],
    ),
    Table(
        "attachments",
        lambda account: [Attachment.objects.filter(account=account, message__isnull=True)],
        files=_contents,
    ),
    Table("suppressions", of_account(Suppression)),
    Table(
        "webhooks",
        of_account(WebhookEndpoint),
        leave_out=frozenset({"headers", "secret_at", "cursor"}),
        along=[_header_names],
    ),
    Table("webhook_deliveries", _deliveries, leave_out=frozenset({"leased_until", "event_seq"}), along=[_tries]),
)
