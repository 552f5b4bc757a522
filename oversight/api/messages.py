"""Messages and threads, with their reviews; and sending."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import errors, idempotency
from mailboxes.api.base import respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, LIMIT, MAILBOX_ID, operation, path_id
from mailboxes.api.pagination import MAX_OFFSET
from mailboxes.errors import Forbidden
from mailboxes.models import Mailbox, Scope
from messaging.api.serializers import ThreadListSerializer
from messaging.api.views import MailView, MessageListView, MessageView, ThreadListView, ThreadView
from messaging.models import Direction, Message, Status
from oversight import submission
from oversight.models import Evaluation, Review

from . import drafting, waiting
from .drafting import Drafted
from .forms import Nothing, SendRequest
from .serializers import (
    MessageAnswerSerializer,
    MessageListSerializer,
    ReviewedMessageSerializer,
    SentAnswerSerializer,
    SentMessageSerializer,
    ThreadAnswerSerializer,
)

MESSAGE_ID = path_id("msgId", "message")
MESSAGE_FILTERS = [
    MAILBOX_ID,
    OpenApiParameter("direction", OpenApiTypes.STR, enum=Direction.values),
    OpenApiParameter("threadId", OpenApiTypes.UUID),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="At or after this moment."),
    LIMIT,
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
        newest_first = Review.objects.order_by("-opened_at")
        return (*super().related(), Prefetch("reviews", newest_first, to_attr="newest_reviews"))


class Messages(ReviewedMail, MessageListView):
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
        that says why. Every address of to, cc and bcc counts toward the limits once.
        """
        mailbox = self.mailbox(id, Scope.SEND)
        drafted = drafting.read(self.content, mailbox=mailbox)
        answer = idempotency.once(
            request, account_id=self.principal.account.pk, act=lambda: self._submit(mailbox, drafted)
        )
        response = respond(answer)
        seconds = waiting.seconds_asked(request.headers.get("Prefer", ""))
        if seconds and answer.status == 201:
            message_id = answer.body["message"]["id"]
            waiting.for_outcome(message_id, seconds=seconds)
            response.data = self._sent(mailbox, message_id, drafted)
            response.headers["Preference-Applied"] = f"wait={seconds}"
        return response

    def _submit(self, mailbox: Mailbox, drafted: Drafted) -> Answer:
        message = submission.submit(drafted.draft, actor=self.principal, now=self.now)
        if message.status == Status.REFUSED:  # committed, so an answer and not an exception
            return Answer(403, errors.body_of(_refusal(message), self.request))
        return Answer(201, self._sent(mailbox, message.pk, drafted))

    def _sent(self, mailbox: Mailbox, message_id: object, drafted: Drafted) -> dict[str, Any]:
        context = {"dropped_headers": drafted.dropped_headers}
        message = self.get_message(mailbox, message_id)
        return {"message": dict(SentMessageSerializer(message, context=context).data)}


class OneMessage(ReviewedMail, MessageView):
    @operation(
        "getMessage",
        parameters=[MAILBOX_ID, MESSAGE_ID],
        tag="Messages",
        answers={200: MessageAnswerSerializer},
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


def _refusal(message: Message) -> Forbidden:
    trace = Evaluation.objects.filter(message=message).latest("evaluated_at").trace
    fix = next((finding["fix"] for finding in trace if finding["code"] == message.reason_code), "")
    return Forbidden(message.reason_text, code=message.reason_code, fix=fix)
