"""Messages and threads, with their reviews; and sending."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import stop_labels
from mailboxes.api import errors, idempotency
from mailboxes.api.base import respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import AFTER, IDEMPOTENCY_KEY, LIMIT, MAILBOX_ID, operation, path_id
from mailboxes.api.pagination import MAX_OFFSET
from mailboxes.errors import Forbidden, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from messaging.api import stopped, withheld
from messaging.api.serializers import ThreadListSerializer
from messaging.api.views import MailView, MessageListView, MessageView, ThreadListView, ThreadView, as_read
from messaging.mime.types import Draft
from messaging.models import Direction, Status
from oversight import submission
from oversight.models import Review
from oversight.submission import Submitted

from . import drafting, waiting
from .drafting import Drafted
from .forms import Nothing, SendRequest
from .serializers import (
    SHOWN_WITH,
    MessageAnswerSerializer,
    MessageListSerializer,
    ReviewedMessageSerializer,
    SentAnswerSerializer,
    ThreadAnswerSerializer,
    just_opened,
    sent_answer,
)

# Files stand in memory several times while a mail is made of them: not in every thread of the web server at once.
building = threading.BoundedSemaphore(4)

MESSAGE_ID = path_id("msgId", "message")
MESSAGE_FILTERS = [
    MAILBOX_ID,
    OpenApiParameter("direction", OpenApiTypes.STR, enum=Direction.values),
    OpenApiParameter("threadId", OpenApiTypes.UUID),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="At or after this moment."),
    LIMIT,
    AFTER,
    OpenApiParameter("offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}),
]
PREFER = OpenApiParameter(
    "Prefer",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="`wait=N`: answer with the outcome, within N ≤ 30 s.",
)


class ReviewedMail(MailView):
    """Shows messages with their newest review."""

    message_serializer = ReviewedMessageSerializer

    def related(self) -> Sequence[Any]:
        newest_first = Review.objects.order_by("-opened_at").prefetch_related(*SHOWN_WITH)
        return (*super().related(), Prefetch("reviews", newest_first, to_attr="newest_reviews"))


class Messages(ReviewedMail, MessageListView):
    looks_at_key_again = True  # `oversight.sender`, in the transaction that accepts

    @operation(
        "listMessages",
        tag="Messages",
        answers={200: MessageListSerializer},
        errors=(400, 404),
        parameters=MESSAGE_FILTERS,
    )
    def get(self, request: Request, id: str) -> Response:
        return super().get(request, id)

    @operation(
        "sendMessage",
        tag="Messages",
        request=SendRequest,
        answers={201: SentAnswerSerializer},
        errors=(400, 403, 404, 409, 413, 422, 429),
        parameters=[MAILBOX_ID, IDEMPOTENCY_KEY, PREFER],
    )
    def post(self, request: Request, id: str) -> Response:
        """Ask to send. What becomes of it depends on the mailbox's oversight mode and the policy.

        201 with status QUEUED: taken, not sent yet. `state` says more: `held` waits for a human and `review` names the
        review; `queued` leaves soon. It is SENT once the next mail server took it. A refusal of the policy is a 403
        that says why. Every address of to, cc and bcc counts toward the limits once, unless the operator counts
        messages. Files named by URL are fetched once, now. `metadata` and `tags` stay here: they are told with the
        message, and with the mail that answers it.
        """
        self.principal.require(Scope.SEND, fix="Use an agent's key; a key that decides never sends.")
        mailbox_id = parse_id(id)
        if mailbox_id is None or not self.principal.may_see(mailbox_id):
            raise NotFound("mailbox")
        drafted = drafting.read(self.content, mailbox_id=mailbox_id, actor=self.principal, now=self.now)
        answer = self._answer(request, drafted)
        response = respond(answer)
        seconds = waiting.seconds_asked(request.headers.get("Prefer", ""))
        if seconds and answer.status == 201:
            message_id = answer.body["message"]["id"]
            waiting.for_outcome(message_id, seconds=seconds)
            response.data = self._as_it_stands(mailbox_id, message_id, drafted)
            response.headers["Preference-Applied"] = f"wait={seconds}"
        return response

    def _answer(self, request: Request, drafted: Drafted) -> Answer:
        account_id = self.principal.account.pk
        # Files may be fetched from elsewhere: before the transaction, and not when this was answered already.
        kept = idempotency.find(request, account_id=account_id) if drafted.asked_files else None
        if kept is not None:
            return kept
        draft = drafting.with_files(drafted, actor=self.principal, now=self.now)
        with building if draft.files else nullcontext():
            return idempotency.once(request, account_id=account_id, act=lambda: self._submit(draft, drafted))

    def _submit(self, draft: Draft, drafted: Drafted) -> Answer:
        submitted = submission.submit_in_full(draft, actor=self.principal, now=self.now)
        self.inbound_usage = submitted.sender.inbound_usage(now=self.now)
        message = submitted.message
        if message.status == Status.REFUSED:  # committed, so an answer and not an exception
            return Answer(403, errors.body_of(_refusal(submitted), self.request))
        message.shown_recipients = as_read(submitted.recipients)  # type: ignore[attr-defined]
        review = submitted.review
        message.newest_reviews = [just_opened(review)] if review else []  # type: ignore[attr-defined]
        if submitted.sender.stopped and message.status == Status.QUEUED:
            stopped.say(message, stop_labels.sentence(*submitted.sender.stopped))
        return Answer(201, sent_answer(message, dropped_headers=drafted.dropped_headers))

    def _as_it_stands(self, mailbox_id: UUID, message_id: object, drafted: Drafted) -> dict[str, Any]:
        message = self.get_message(self.mailbox(mailbox_id), message_id)
        return sent_answer(message, dropped_headers=drafted.dropped_headers)


class OneMessage(ReviewedMail, MessageView):
    @operation(
        "getMessage",
        parameters=[MAILBOX_ID, MESSAGE_ID],
        tag="Messages",
        answers={200: MessageAnswerSerializer, 402: withheld.ANSWER},
        errors=(404,),
    )
    def get(self, request: Request, id: str, msgId: str) -> Response:
        return super().get(request, id, msgId)


class Cancel(ReviewedMail):
    @operation(
        "cancelMessage",
        tag="Messages",
        request=Nothing,
        answers={200: MessageAnswerSerializer},
        errors=(403, 404, 409),
        parameters=[MAILBOX_ID, MESSAGE_ID, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, id: str, msgId: str) -> Response:
        """Take a message back that waits or is queued; again is no error. 409 once it is being sent."""
        mailbox = self.mailbox(id, Scope.SEND)
        self.asked(Nothing)

        def act() -> Answer:
            message = submission.cancel(self.principal, id, msgId, now=self.now)
            return Answer(200, {"message": self.told([self.get_message(mailbox, message.pk)])[0]})

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))


class Threads(ReviewedMail, ThreadListView):
    @operation(
        "listThreads", parameters=[MAILBOX_ID], tag="Threads", answers={200: ThreadListSerializer}, errors=(404,)
    )
    def get(self, request: Request, id: str) -> Response:
        return super().get(request, id)


class OneThread(ReviewedMail, ThreadView):
    @operation(
        "getThread",
        parameters=[MAILBOX_ID, path_id("tid", "thread")],
        tag="Threads",
        answers={200: ThreadAnswerSerializer},
        errors=(404,),
    )
    def get(self, request: Request, id: str, tid: str) -> Response:
        return super().get(request, id, tid)


def _refusal(submitted: Submitted) -> Forbidden:
    verdict = submitted.verdict
    return Forbidden(verdict.text, code=verdict.code, fix=verdict.fix)
