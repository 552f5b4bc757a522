"""What the monitor and the thread pages ask the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Left
from django.urls import reverse

from mailboxes import inbound_usage
from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Mailbox
from mailboxes.principals import Principal
from messaging.models import Attachment, Direction, Message, Recipient, RecipientState, Status, Thread
from messaging.visibility import NOT_WITHHELD
from oversight.models import Review, ReviewState

from .cards import File
from .visit import Visit

SNIPPET = 300
MOST_LINKS = 30
MOST_MESSAGES = 200
# What a recipient's state adds to the message's own; by luck of the alphabet the gravest stands first.
OUTCOMES = (RecipientState.COMPLAINED, RecipientState.BOUNCED, RecipientState.DEFERRED, RecipientState.DELIVERED)


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One send of the monitor: _row_feed.html."""

    id: UUID
    at: datetime
    state: str
    subject: str
    url: str
    agent_name: str
    recipient: str
    recipient_count: int
    mailbox_mode: str
    detail: str


def with_outcome(sends: QuerySet[Message]) -> QuerySet[Message]:
    """Sends with what became of them, and whether a person decided."""
    told = Recipient.objects.filter(message=OuterRef("pk"), state__in=OUTCOMES)
    newest = Review.objects.filter(message=OuterRef("pk")).order_by("-opened_at")
    return (
        sends.select_related("agent", "mailbox")
        .defer("body_text", "body_html", "headers", "metadata", "sender_checks")
        .annotate(
            outcome=Subquery(told.order_by("state").values("state")[:1]),
            answer=Subquery(told.order_by("state").values("text")[:1]),
            review_pk=Subquery(newest.values("pk")[:1]),
            release_at=Subquery(newest.filter(state=ReviewState.APPROVED).values("release_at")[:1]),
        )
    )


def feed(sends: Sequence[Any], visit: Visit) -> list[FeedItem]:
    """The sends as rows of the monitor."""
    return [_feed_item(message, visit) for message in sends]


def _feed_item(message: Any, visit: Visit) -> FeedItem:
    names = [*message.to_addresses, *message.cc_addresses, *message.bcc_addresses]
    is_leaving = message.status == Status.QUEUED and message.release_at and message.release_at > visit.now
    settled = message.outcome if message.status in (Status.SENT, Status.QUEUED) else None
    page = ("console:review", message.review_pk) if message.review_pk else ("console:message", message.pk)
    return FeedItem(
        id=message.pk,
        at=message.created_at,
        state="leaving" if is_leaving else settled or message.status,
        subject=message.subject,
        url=reverse(page[0], args=[page[1]]),
        agent_name=message.agent.name if message.agent else message.from_address,
        recipient=names[0] if names else "",
        recipient_count=len(names),
        mailbox_mode=message.oversight_mode,
        detail=(message.answer if settled else "") or message.reason_text,
    )


def threads(actor: Principal, mailbox: Mailbox | None) -> QuerySet[Thread]:
    """The conversations of one mailbox or of all that the actor sees, newest activity first."""
    # The account is said too, where the mailboxes are many: it is what the index begins with.
    within = Q(mailbox=mailbox) if mailbox else Q(account=actor.account, mailbox__in=actor.mailboxes())
    found = Thread.objects.filter(within, last_message_at__isnull=False)
    held = Message.objects.filter(thread=OuterRef("pk"), status=Status.HELD)
    return found.annotate(is_held=Exists(held)).order_by("-last_message_at", "-id")


def looked_through(actor: Principal, mailbox: Mailbox | None) -> QuerySet[Thread]:
    """The same, and those of mailboxes that the actor does not see, as an index has them."""
    within = Q(mailbox=mailbox) if mailbox else Q(account=actor.account)
    return Thread.objects.filter(within, last_message_at__isnull=False).order_by("-last_message_at", "-id")


def naming(found: QuerySet[Thread], text: str) -> QuerySet[Thread]:
    """Those whose subject or participants hold the text."""
    return found.filter(Q(subject__icontains=text) | Q(participants__icontains=text))


def thread_rows(found: Sequence[Any]) -> list[dict[str, Any]]:
    """The conversations as rows, each with the beginning of its last message."""
    newest = Message.objects.filter(NOT_WITHHELD, thread=OuterRef("pk")).exclude(status=Status.REFUSED)
    text = Subquery(newest.order_by("-created_at", "-id").values(text=Left("body_text", SNIPPET))[:1])
    lines = Thread.objects.filter(pk__in=[thread.pk for thread in found]).values_list("pk", text)
    snippets = {pk: " ".join((text or "").split()) for pk, text in lines}
    return [
        {
            "url": reverse("console:thread", args=[thread.pk]),
            "subject": thread.subject,
            "people": ", ".join(thread.participants[:4]),
            "snippet": snippets.get(thread.pk, ""),
            "at": thread.last_message_at,
            "state": Status.HELD if thread.is_held else "",
            "count": thread.message_count,
        }
        for thread in found
    ]


def withheld_count(actor: Principal, mailbox: Mailbox | None, *, now: datetime) -> int:
    """How many received messages are withheld over the month's limit: nobody at the console reads them either."""
    return inbound_usage.withheld(mailbox, now=now) if mailbox else inbound_usage.withheld_of(actor.account)


def mailbox_links(actor: Principal, *, current: Mailbox | None) -> list[dict[str, Any]]:
    """The mailboxes to choose from."""
    found = list(actor.mailboxes().order_by("full_address")[:MOST_LINKS])
    return [
        {
            "url": reverse("console:mailbox", args=[box.pk]),
            "address": box.full_address,
            "is_current": current is not None and box.pk == current.pk,
        }
        for box in found
    ]


def get_thread(actor: Principal, thread_id: object) -> Thread:
    """One conversation in the actor's scope. Raises NotFound."""
    found = (
        Thread.objects.filter(mailbox__in=actor.mailboxes(), pk=parse_id(thread_id)).select_related("mailbox").first()
    )
    if found is None:
        raise NotFound("thread")
    return found


def thread_messages(thread: Thread) -> list[dict[str, Any]]:
    """The messages of a conversation, oldest first; of a very long one the last two hundred."""
    newest = Review.objects.filter(message=OuterRef("pk")).order_by("-opened_at")
    found = (
        Message.objects.filter(NOT_WITHHELD, thread=thread)
        .exclude(status=Status.REFUSED)
        .defer("headers", "metadata")
        .annotate(review_pk=Subquery(newest.values("pk")[:1]))
        .prefetch_related("attachments")
        .order_by(F("created_at").desc(), F("id").desc())[:MOST_MESSAGES]
    )
    return [_thread_message(message) for message in reversed(found)]


def _thread_message(message: Any) -> dict[str, Any]:
    is_inbound = message.direction == Direction.INBOUND
    return {
        "id": message.pk,
        "direction": message.direction,
        "from_name": message.from_name or message.from_address,
        "from_address": message.from_address,
        "to": ", ".join([*message.to_addresses, *message.cc_addresses]),
        "at": message.created_at,
        "state": message.status,
        "text": message.body_text,
        "is_unreadable": is_inbound and not (message.body_text or message.body_html) and bool(message.defects),
        "url": reverse("console:message", args=[message.pk]),
        "review_url": reverse("console:review", args=[message.review_pk]) if message.review_pk else "",
        "files": [_file(message, file) for file in message.attachments.all()],
    }


def _file(message: Message, file: Attachment) -> File:
    """Where the parts of a sent mail are, its own page knows: they are read there."""
    page = reverse("console:message", args=[message.pk])
    url = f"{page}files/{file.part_index}/" if file.part_index is not None else ""
    return File(file.filename, file.size_bytes, file.content_type, url)
