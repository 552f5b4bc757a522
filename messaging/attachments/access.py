"""Whose attachment it is: looked up through the actor, so that a stranger finds nothing."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Account, Mailbox, Scope
from mailboxes.principals import Principal
from messaging.models import Attachment, Message
from messaging.visibility import RECEIVED, SENT


def get(actor: Principal, attachment_id: object, *, scope: str = Scope.READ) -> Attachment:
    """The attachment of that id that the actor may see. Raises NotFound for anything else, also malformed."""
    actor.require(scope)
    parsed = parse_id(attachment_id)
    found = reachable(actor).filter(pk=parsed).select_related("message").first() if parsed else None
    if found is None:
        raise NotFound("attachment")
    return found


def reachable(actor: Principal) -> QuerySet[Attachment]:
    """What is linked to a message that the actor may see; for full access what waits to be sent, too."""
    if actor.mailbox_ids is None and Scope.ADMIN in actor.scopes:
        return of_account(actor.account)
    return Attachment.objects.filter(message__in=_shown(actor.mailboxes()), account=actor.account)


def of_account(account: Account) -> QuerySet[Attachment]:
    """Everything of the account that its full-access keys may see."""
    boxes = Mailbox.objects.filter(account=account, deleted_at__isnull=True)
    return Attachment.objects.filter(Q(message__in=_shown(boxes)) | Q(message__isnull=True), account=account)


def _shown(boxes: QuerySet[Mailbox]) -> QuerySet[Message]:
    return Message.objects.filter(RECEIVED | SENT, mailbox__in=boxes)
