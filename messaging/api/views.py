"""Reading messages and threads: base classes, which oversight subclasses and routes."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from django.db.models import Prefetch, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import inbound_usage
from mailboxes.api import pagination, places
from mailboxes.api.base import ApiView
from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Mailbox, Scope
from messaging import replies
from messaging.models import Message, Recipient, Thread
from messaging.visibility import known, visible

from . import newest, stopped, withheld
from .newest import MessageFilters
from .serializers import MessageSerializer, ThreadSerializer, list_metadata

THREADS_LISTED = 50
THREAD_MESSAGES_SHOWN = 500


def in_reading_order() -> QuerySet[Recipient]:
    """Recipients as a header names them: to, cc, bcc, which is the alphabet backwards."""
    return Recipient.objects.order_by("-kind", "address")


def as_read(recipients: Sequence[Recipient]) -> list[Recipient]:
    """The same recipients in that order."""
    return sorted(sorted(recipients, key=attrgetter("address")), key=attrgetter("kind"), reverse=True)


class MailView(ApiView):
    """A view of one mailbox's mail. A subclass may show more of a message than is known down here."""

    message_serializer: type[MessageSerializer] = MessageSerializer

    def mailbox(self, mailbox_id: object, scope: str = Scope.READ) -> Mailbox:
        self.principal.require(scope)
        return self.principal.get_mailbox(mailbox_id)

    def related(self) -> Sequence[Any]:
        """What a message is shown with: fetched for all of them at once."""
        return (Prefetch("recipients", in_reading_order(), to_attr="shown_recipients"), "attachments")

    def messages(self, mailbox: Mailbox) -> QuerySet[Message]:
        return visible(mailbox).prefetch_related(*self.related())

    def get_message(self, mailbox: Mailbox, message_id: object) -> Message:
        """The visible message of that id. Raises Withheld for a withheld one, NotFound for anything else."""
        parsed = parse_id(message_id)
        found = known(mailbox).prefetch_related(*self.related()).filter(pk=parsed).first() if parsed else None
        if found is None:
            raise NotFound("message")
        withheld.check_message(found, now=self.now)
        return found

    def list_metadata(self, mailbox: Mailbox) -> dict[str, object]:
        count = inbound_usage.withheld(mailbox, now=self.now)
        return list_metadata(self.inbound_usage, withheld_count=count)

    def told(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        stopped.note(messages, self.principal.account)
        answers_to = replies.find(messages)
        for message in messages:
            message.answers_to = answers_to.get(message.pk)  # type: ignore[attr-defined]  # for the serializer
        return list(self.message_serializer(messages, many=True).data)


class MessageListView(MailView):
    def get(self, request: Request, id: str) -> Response:
        """The mailbox's messages, newest first.

        Mail that a human has to admit first is not shown, nor what came over the month's inbound limit:
        `metadata.overLimitCount` counts that. With `since`, remember the newest `createdAt` and drop
        what you have seen: the moment itself is included. Read on with `after`. A page by `offset` begins where the
        one before it ended, if you have read that in the last ten minutes.
        """
        mailbox = self.mailbox(id)
        limit, offset, filters = pagination.limit(request), pagination.offset(request), MessageFilters.read(request)
        walk = places.walk(self.principal, mailbox.pk, filters)
        after = pagination.asked_cursor(request) or places.find(walk, offset)
        skip = 0 if after else offset
        found = newest.page(visible(mailbox), filters, after=after, skip=skip, limit=limit + 1)
        cursor = pagination.next_cursor(found, limit)
        if cursor:
            places.keep(walk, offset + limit, cursor)
        shown = self.messages(mailbox).filter(pk__in=[pk for _, pk in found[:limit]]).order_by("-created_at", "-pk")
        return Response(
            {
                "messages": self.told(list(shown)),
                "nextCursor": cursor and cursor.text(),
                "metadata": self.list_metadata(mailbox),
            }
        )


class MessageView(MailView):
    def get(self, request: Request, id: str, msgId: str) -> Response:
        """One message with its attachments' names and sizes."""
        return Response({"message": self.told([self.get_message(self.mailbox(id), msgId)])[0]})


class ThreadListView(MailView):
    def get(self, request: Request, id: str) -> Response:
        """The 50 conversations with the newest activity."""
        mailbox = self.mailbox(id)
        found = Thread.objects.filter(mailbox=mailbox, last_message_at__isnull=False)
        threads = ThreadSerializer(found.order_by("-last_message_at", "-pk")[:THREADS_LISTED], many=True).data
        return Response({"threads": threads, "metadata": self.list_metadata(mailbox)})


class ThreadView(MailView):
    def get(self, request: Request, id: str, tid: str) -> Response:
        """One conversation with its messages, oldest first; the newest 500 of a very long one."""
        mailbox = self.mailbox(id)
        parsed = parse_id(tid)
        thread = Thread.objects.filter(pk=parsed, mailbox=mailbox).first() if parsed else None
        if thread is None:
            raise NotFound("thread")
        newest_first = self.messages(mailbox).filter(thread=thread).order_by("-created_at", "-pk")
        messages = list(newest_first[:THREAD_MESSAGES_SHOWN])[::-1]
        if not messages:
            raise NotFound("thread")
        return Response({"thread": {**ThreadSerializer(thread).data, "messages": self.told(messages)}})
