"""Claims and snoozes: how people share the queue. None of it decides anything."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, operation
from mailboxes.errors import Conflict, Gone
from oversight import claims, reviews, sharing
from oversight.models import Review

from .forms import Nothing
from .queue_forms import QueueSettingsRequest, SnoozeRequest
from .queue_serializers import QueueSettingsSerializer
from .reviews import DECISION, REVIEW_ID, ReviewView

UNKEYED: dict[str, Any] = {**DECISION, "parameters": [REVIEW_ID]}


class SharingView(ReviewView):
    """409 and 410 carry the review as it stands now."""

    def answer(self, review: Review, act: Callable[[], Review]) -> dict[str, Any]:
        try:
            return self.one(act())
        except (Conflict, Gone) as problem:
            problem.extra |= self.one(review)
            raise


class Claim(SharingView):
    @operation("claimReview", request=Nothing, **DECISION)
    def post(self, request: Request, id: str) -> Response:
        """Tell the others that you look at it, for `claimSeconds`; send it again to go on. It decides nothing.

        409 `claimed` while somebody else does. Decisions of others are refused only where the account requires claims.
        """
        self.asked(Nothing)
        review = reviews.get(self.principal, id)

        def act() -> Answer:
            claim = partial(sharing.claim, review, actor=self.principal, now=self.now)
            return Answer(200, self.answer(review, claim))

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))

    @operation("releaseReviewClaim", **UNKEYED)
    def delete(self, request: Request, id: str) -> Response:
        """Give a claim back; no matter if it was over before."""
        return Response(self.one(sharing.let_go(reviews.get(self.principal, id), actor=self.principal)))


class Snooze(SharingView):
    @operation("snoozeReview", request=SnoozeRequest, **DECISION)
    def post(self, request: Request, id: str) -> Response:
        """Put it out of sight until a moment before its expiry, for everybody. It comes back by itself."""
        review, asked = reviews.get(self.principal, id), self.asked(SnoozeRequest)

        def act() -> Answer:
            snooze = partial(sharing.snooze, review, actor=self.principal, until=asked["until"], now=self.now)
            return Answer(200, self.answer(review, snooze))

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))

    @operation("wakeReview", **UNKEYED)
    def delete(self, request: Request, id: str) -> Response:
        """Put it back before everybody's eyes."""
        review = reviews.get(self.principal, id)
        wake = partial(sharing.snooze, review, actor=self.principal, until=None, now=self.now)
        return Response(self.answer(review, wake))


class QueueSettings(ApiView):
    @operation("getQueueSettings", tag="Oversight", answers={200: QueueSettingsSerializer})
    def get(self, request: Request) -> Response:
        """Whether people of the account claim what they look at, and for how long a claim holds."""
        return Response(self._shown())

    @operation(
        "updateQueueSettings",
        tag="Oversight",
        request=QueueSettingsRequest,
        answers={200: QueueSettingsSerializer},
        errors=(400, 403),
        parameters=[IDEMPOTENCY_KEY],
    )
    def patch(self, request: Request) -> Response:
        """Set it; with a decide key of an owner or admin."""
        asked = self.asked(QueueSettingsRequest)

        def act() -> Answer:
            if "claims" in asked:
                claims.set_mode(self.principal, asked["claims"], now=self.now)
            return Answer(200, self._shown())

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))

    def _shown(self) -> dict[str, object]:
        mode = claims.mode(self.principal.account)
        return dict(QueueSettingsSerializer({"claims": mode, "claimSeconds": settings.CLAIM_SECONDS}).data)
