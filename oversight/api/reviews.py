"""Reviews: looking at one, and deciding with a member's decide key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from messaging.models import RawMessage, Revision, Status
from oversight import actions, decisions, reviews, viewings
from oversight.decisions import Reviewer
from oversight.models import Decision, Door, Review

from . import drafting
from .forms import ApproveRequest, ChangesRequest, EditRequest, Nothing, RejectRequest
from .queue_serializers import of_queue
from .serializers import (
    SHOWN_WITH,
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

EDIT = DECISION | {"errors": (400, 403, 404, 429)}


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
            *SHOWN_WITH,
        ]
        if self.is_reviewer:
            related.append(Prefetch("message__revisions", Revision.objects.defer("raw")))
            related.append(Prefetch("message__raw_message", RawMessage.objects.defer("raw")))
        rows = found.select_related("message", "message__agent", "claimed_by__user").prefetch_related(*related)
        context = {"reviewer_only": self._reviewer_only}
        return list(ReviewDetailSerializer(rows, many=True, context=context).data)

    def one(self, review: Review) -> dict[str, Any]:
        return {"review": self.shown(reviews.visible(self.principal).filter(pk=review.pk))[0]}

    def _reviewer_only(self, review: Review) -> Mapping[str, object]:
        if not self.is_reviewer:
            return {}
        message = review.message
        seals = {one.version: one.seal for one in message.revisions.all()}  # of received mail: none
        return {
            "seal": seals.get(message.current_version) or message.raw_message.sha256,
            "lane": review.lane or None,
            "risk": review.risk,
            "allowedActions": self._allowed(review),
            **of_queue(review, now=self.now),
        }

    def _allowed(self, review: Review) -> Sequence[str]:
        is_untouched = review.message.status == Status.QUEUED and not any(
            recipient.attempts_count
            for recipient in review.message.shown_recipients  # type: ignore[attr-defined]
        )
        shown: list[Decision] = review.shown_decisions  # type: ignore[attr-defined]
        return actions.allowed(
            review, principal=self.principal, decisions=shown, is_untouched=is_untouched, now=self.now
        )


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
        """Let exactly the sealed message leave, after the server's time for undo. Needs a member's decide key.

        Where several people are needed (`peopleNeeded`), each approves once; until the last one it waits. What is of
        high risk is approved in the console: a key is no second step.
        """
        return self.decide(request, id)

    def verb(self, review: Review, *, reviewer: Reviewer, asked: Mapping[str, Any]) -> object:
        note, version = asked.get("note") or "", asked.get("version")
        return decisions.approve(review, reviewer=reviewer, version=version, note=note, now=self.now)


class Edit(DecideView):
    form = EditRequest

    @operation("editReview", request=EditRequest, **EDIT)
    def post(self, request: Request, id: str) -> Response:
        """Change the message before it leaves, and approve it in the same moment with `approve`.

        What is left out stays. The new form is checked as a send is, gets a new seal and Date and keeps its Message-ID;
        whoever approved the old one must look again. `edits` tells the author what was changed. Needs a member's decide
        key.
        """
        return self.decide(request, id)

    def verb(self, review: Review, *, reviewer: Reviewer, asked: Mapping[str, Any]) -> object:
        note = asked.get("note") or ""
        edited = decisions.edit(
            review,
            reviewer=reviewer,
            version=asked.get("version"),
            changes=drafting.changes(asked),
            note=note,
            now=self.now,
        )
        if not asked.get("approve"):
            return edited
        return decisions.approve(review, reviewer=reviewer, version=edited.version + 1, note=note, now=self.now)


class RequestChanges(DecideView):
    form = ChangesRequest

    @operation("requestChanges", request=ChangesRequest, **DECISION)
    def post(self, request: Request, id: str) -> Response:
        """Give the message back to its author with instructions. It waits for a resubmission, and expires without one.

        Needs a member's decide key.
        """
        return self.decide(request, id)

    def verb(self, review: Review, *, reviewer: Reviewer, asked: Mapping[str, Any]) -> object:
        return decisions.request_changes(
            review,
            reviewer=reviewer,
            version=asked.get("version"),
            instructions=asked["instructions"],
            reason=asked.get("reason") or "",
            now=self.now,
        )


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
