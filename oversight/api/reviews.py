"""Reviews: looking at one, and deciding with a member's decide key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import ERRORS, IDEMPOTENCY_KEY, operation, path_id
from mailboxes.api.reading import Form
from mailboxes.errors import Conflict, Gone
from mailboxes.models import Scope
from messaging.api.views import in_reading_order
from messaging.models import Revision, Status
from oversight import decisions, reviews, viewings
from oversight.decisions import Reviewer
from oversight.models import Door, Review, ReviewState

from .forms import ApproveRequest, Nothing, RejectRequest
from .queue_serializers import of_queue
from .serializers import (
    ReviewAnswerSerializer,
    ReviewConflictSerializer,
    ReviewDetailSerializer,
)

REVIEW_ID = path_id("id", "review")
DECISION: dict[str, Any] = {
    "tag": "Oversight",
    "answers": {
        200: ReviewAnswerSerializer,
        409: OpenApiResponse(ReviewConflictSerializer, ERRORS[409]),
        410: OpenApiResponse(ReviewConflictSerializer, ERRORS[410]),
    },
    "errors": (400, 403, 404),
    "parameters": [REVIEW_ID, IDEMPOTENCY_KEY],
}


class ReviewView(ApiView):
    """Shows reviews with their messages; to reviewers with seal and allowed actions."""

    @property
    def is_reviewer(self) -> bool:
        return Scope.DECIDE in self.principal.scopes

    def shown(self, found: QuerySet[Review]) -> list[dict[str, Any]]:
        """The reviews as JSON: a handful of queries, however many they are."""
        related: list[Any] = [
            Prefetch("message__recipients", in_reading_order(), to_attr="shown_recipients"),
            "message__attachments",
        ]
        if self.is_reviewer:
            related.append(Prefetch("message__revisions", Revision.objects.defer("raw")))
        rows = found.select_related("message", "message__agent", "claimed_by__user").prefetch_related(*related)
        context = {"reviewer_only": self._reviewer_only}
        return list(ReviewDetailSerializer(rows, many=True, context=context).data)

    def one(self, review: Review) -> dict[str, Any]:
        return {"review": self.shown(reviews.visible(self.principal).filter(pk=review.pk))[0]}

    def _reviewer_only(self, review: Review) -> Mapping[str, object]:
        if not self.is_reviewer:
            return {}
        message = review.message
        seal = next(one.seal for one in message.revisions.all() if one.version == message.current_version)
        return {"seal": seal, "allowedActions": self._allowed(review), **of_queue(review, now=self.now)}

    def _allowed(self, review: Review) -> Sequence[str]:
        if not decisions.may_decide(review, principal=self.principal):
            return []
        if review.state == ReviewState.OPEN and review.expires_at > self.now:
            return ["approve", "reject"]
        is_untouched = review.message.status == Status.QUEUED and not any(
            recipient.attempts_count
            for recipient in review.message.shown_recipients  # type: ignore[attr-defined]
        )
        return ["undo"] if settings.UNDO_SECONDS and review.state == ReviewState.APPROVED and is_untouched else []


class OneReview(ReviewView):
    @operation(
        "getReview", parameters=[REVIEW_ID], tag="Oversight", answers={200: ReviewAnswerSerializer}, errors=(404,)
    )
    def get(self, request: Request, id: str) -> Response:
        """One review. The author's key may read it too, without `seal` and `allowedActions`."""
        review = reviews.get(self.principal, id)
        viewings.record(review, actor=self.principal, now=self.now)
        return Response(self.one(review))


class DecideView(ReviewView):
    """A human act by a decide key; 409 and 410 carry the review as it stands now."""

    form: type[Form]

    def verb(self, review: Review, *, reviewer: Reviewer, asked: Mapping[str, Any]) -> object:
        raise NotImplementedError

    def decide(self, request: Request, review_id: str) -> Response:
        review = reviews.get(self.principal, review_id)
        asked = self.asked(self.form)

        def act() -> Answer:
            self.verb(review, reviewer=Reviewer(self.principal, Door.API), asked=asked)
            return Answer(200, self.one(review))

        try:
            return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))
        except (Conflict, Gone) as problem:
            problem.extra |= self.one(review)
            raise


class Approve(DecideView):
    form = ApproveRequest

    @operation("approveReview", request=ApproveRequest, **DECISION)
    def post(self, request: Request, id: str) -> Response:
        """Let exactly the sealed message leave, after the server's time for undo. Needs a member's decide key."""
        return self.decide(request, id)

    def verb(self, review: Review, *, reviewer: Reviewer, asked: Mapping[str, Any]) -> object:
        note, version = asked.get("note") or "", asked.get("version")
        return decisions.approve(review, reviewer=reviewer, version=version, note=note, now=self.now)


class Reject(DecideView):
    form = RejectRequest

    @operation("rejectReview", request=RejectRequest, **DECISION)
    def post(self, request: Request, id: str) -> Response:
        """End the message for good: it never leaves. Needs a member's decide key."""
        return self.decide(request, id)

    def verb(self, review: Review, *, reviewer: Reviewer, asked: Mapping[str, Any]) -> object:
        note, version, reason = asked.get("note") or "", asked.get("version"), asked["reason"]
        return decisions.reject(review, reviewer=reviewer, version=version, reason=reason, note=note, now=self.now)


class Undo(DecideView):
    form = Nothing

    @operation("undoReview", request=Nothing, **DECISION)
    def post(self, request: Request, id: str) -> Response:
        """Take an approval back: the message waits again. Works until the mail server took hold of it."""
        return self.decide(request, id)

    def verb(self, review: Review, *, reviewer: Reviewer, asked: Mapping[str, Any]) -> object:
        return decisions.undo(review, reviewer=reviewer, now=self.now)
