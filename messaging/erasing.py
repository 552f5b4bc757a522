"""Mail that goes for good: of a departed account, of a deleted mailbox; and the house's own mail to those who left.

A message goes whole, in one transaction: its bytes, recipients, attempts, files, what was captured, and what others
have of it (`signals.messages_departing`). So whatever must hold of messages holds at every moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Left, Lower
from django.dispatch import receiver

from mailboxes import statements
from mailboxes.erasing import some_of
from mailboxes.erasure import Scope, Step, Waiting, register
from mailboxes.models import Mailbox, Member, User
from mailboxes.signals import mailboxes_erased

from .attachments import deletion
from .mime import return_path
from .models import (
    IRREVOCABLE,
    Attachment,
    Attempt,
    Message,
    RawMessage,
    Recipient,
    Status,
    Suppression,
    Thread,
    WebhookDelivery,
    WebhookEndpoint,
)
from .signals import messages_departing

ERASE_REVISIONS = "SELECT messaging_erase_revisions(%(messages)s)"
LOCK_RECIPIENTS = "SELECT id FROM messaging_recipient WHERE message_id = ANY(%(messages)s) ORDER BY id FOR UPDATE"
# The same that the invariants count: what agents may know of.
RECOUNT = """
UPDATE messaging_thread t SET message_count = (
    SELECT count(*) FROM messaging_message m WHERE m.thread_id = t.id
        AND (m.direction = 'OUTBOUND' AND m.status <> 'refused' OR m.direction = 'INBOUND' AND m.status = 'released'
            AND m.withheld_at IS NULL))
WHERE t.id = ANY(%(threads)s)
"""


def _messages(scope: Scope, limit: int) -> int:
    """Up to `limit` messages of the scope. Raises Waiting when all that is left is in somebody's hands."""
    mine = _of(Message, scope)
    ids = list(_free(mine, scope).order_by("pk").values_list("pk", flat=True)[:limit])
    if not ids:
        if mine.exists():
            raise Waiting
        return 0
    erase(ids)
    return len(ids)


def erase(ids: Sequence[UUID]) -> None:
    """Erase these messages with all that belongs to them. Raises Waiting when a worker has taken one meanwhile.

    The database refuses what is neither of a departed account nor of a deleted mailbox. Lock order: reviews →
    recipients → messages → files and the storage they take → threads: nobody else has theirs who comes for the storage.
    """
    messages_departing.send(sender=Message, ids=ids)
    recipients = [pk for (pk,) in statements.run(LOCK_RECIPIENTS, {"messages": list(ids)})]
    if Attempt.objects.filter(recipient__in=recipients, finished_at__isnull=True).exists():
        raise Waiting
    messages = Message.objects.filter(pk__in=ids).only("pk")  # not their bodies
    threads = list(messages.exclude(thread=None).order_by("thread_id").values_list("thread_id", flat=True).distinct())
    _forget_bounces(recipients)
    _erase_received(list(RawMessage.objects.filter(message__in=ids).values_list("pk", flat=True)))
    statements.run(ERASE_REVISIONS, {"messages": list(ids)})
    for account_id in set(messages.values_list("account_id", flat=True)):
        deletion.forget_of_messages(account_id, ids)
    messages.delete()
    Thread.objects.filter(pk__in=threads, messages__isnull=True).delete()
    statements.run(RECOUNT, {"threads": threads})


def _free(messages: QuerySet[Message], scope: Scope) -> QuerySet[Message]:
    """Those that nobody holds. Of a mailbox alone what still waits is cancelled first: limits are given back then."""
    attempts = Attempt.objects.filter(recipient__message=OuterRef("pk"))
    free = messages.filter(~Exists(attempts.filter(finished_at__isnull=True)))
    if scope.mailbox_id is None:
        return free
    is_waiting = Q(status__in=(Status.HELD, Status.RETURNED)) | Q(status=Status.QUEUED) & ~Exists(
        attempts.filter(IRREVOCABLE)
    )
    return free.exclude(is_waiting)


def _raw_messages(scope: Scope, limit: int) -> int:
    """What was received and became no message: duplicates, reports, what came too late."""
    mine = RawMessage.objects.filter(mailbox__in=_mailboxes(scope))
    ids = list(mine.order_by("pk").values_list("pk", flat=True)[:limit])
    _erase_received(ids)
    return len(ids)


def _threads(scope: Scope, limit: int) -> int:
    return some_of(_of(Thread, scope), limit)


def _attachments(scope: Scope, limit: int) -> int:
    """Files that were uploaded and never sent."""
    unsent = Attachment.objects.filter(account_id=scope.account_id)
    return deletion.forget(scope.account_id, list(unsent.values_list("pk", flat=True)[:limit]))


def _suppressions(scope: Scope, limit: int) -> int:
    return some_of(Suppression.objects.filter(account_id=scope.account_id), limit)


def _webhooks(scope: Scope, limit: int) -> int:
    """Deliveries first, of which an endpoint may have many."""
    endpoints = _of(WebhookEndpoint, scope)
    return some_of(WebhookDelivery.objects.filter(endpoint__in=endpoints), limit) or some_of(endpoints, limit)


def _house_mail(scope: Scope, limit: int) -> int:
    """What the house itself wrote to people who belong to no other account."""
    elsewhere = Member.objects.filter(account__departed_at__isnull=True).values("user")
    people = User.objects.filter(memberships__account_id=scope.account_id, is_staff=False).exclude(pk__in=elsewhere)
    emails = list(people.values_list("email", flat=True))
    written = Recipient.objects.filter(address__in=emails, message__account__is_platform=True)
    free = _free(Message.objects.filter(pk__in=written.values("message_id")), scope)
    ids = list(free.order_by("pk").values_list("pk", flat=True)[:limit])
    if ids:
        erase(ids)
    elif written.exists():
        raise Waiting
    return len(ids)


@receiver(mailboxes_erased)
def on_mailboxes_erased(*, mailboxes: Sequence[Mailbox], **_: object) -> None:
    """What came for an address in the moment of its deletion is kept without a mailbox (`inbound.storing`)."""
    of_them = Q(pk__in=[])
    for box in mailboxes:
        local, _at, domain = box.full_address.partition("@")
        with_tag = Q(envelope_recipient__istartswith=f"{local}+", envelope_recipient__iendswith=f"@{domain}")
        of_them |= Q(envelope_recipient__iexact=box.full_address) | with_tag
    _erase_received(list(RawMessage.objects.filter(of_them, mailbox__isnull=True).values_list("pk", flat=True)))


def _forget_bounces(recipient_ids: Sequence[UUID]) -> None:
    """Reports about these copies, which came back to their return paths: they quote the mail."""
    beginnings = [return_path.beginning(pk) for pk in recipient_ids]
    reports = RawMessage.objects.filter(mailbox__isnull=True).annotate(
        beginning=Left(Lower(F("envelope_recipient")), 27)
    )
    _erase_received(list(reports.filter(beginning__in=beginnings).values_list("pk", flat=True)))


def _erase_received(ids: Sequence[UUID]) -> None:
    """With their duplicates, which may be nobody's by now. The bytes are not read for it."""
    RawMessage.objects.filter(duplicate_of__in=ids).only("pk").delete()
    RawMessage.objects.filter(pk__in=ids).only("pk").delete()


def _of(model: type[Any], scope: Scope) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._default_manager.filter(account_id=scope.account_id)
    return rows if scope.mailbox_id is None else rows.filter(mailbox_id=scope.mailbox_id)


def _mailboxes(scope: Scope) -> QuerySet[Mailbox]:
    boxes = Mailbox.objects.filter(account_id=scope.account_id)
    return boxes if scope.mailbox_id is None else boxes.filter(pk=scope.mailbox_id)


register(
    Step("messages", _messages, of_mailbox=True),
    Step("raw_messages", _raw_messages, of_mailbox=True),
    Step("threads", _threads, of_mailbox=True),
    Step("attachments", _attachments),
    Step("suppressions", _suppressions),
    Step("webhooks", _webhooks, of_mailbox=True),
    Step("house_mail", _house_mail),
)
