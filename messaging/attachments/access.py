"""Whose attachment it is: looked up through the actor, so that a stranger finds nothing."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Scope
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
    linked = Q(message__in=shown_messages(actor))
    may_see_unsent = actor.mailbox_ids is None and Scope.ADMIN in actor.scopes
    return Attachment.objects.filter(
        linked | Q(message__isnull=True) if may_see_unsent else linked, account=actor.account
    )


def shown_messages(actor: Principal) -> QuerySet[Message]:
    """The messages of the actor's mailboxes that are shown."""
    return Message.objects.filter(RECEIVED | SENT, mailbox__in=actor.mailboxes())
