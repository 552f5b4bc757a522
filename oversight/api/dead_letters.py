"""Sends whose last retry is spent, before a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency, pagination
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import AFTER, IDEMPOTENCY_KEY, LIMIT, operation, path_id
from messaging.models import DeadLetter
from oversight import dead_letters

from .queue_forms import LetterRequest
from .queue_serializers import DeadLetterAnswerSerializer, DeadLetterListSerializer, DeadLetterSerializer

ACT: dict[str, Any] = {
    "tag": "Oversight",
    "request": LetterRequest,
    "answers": {200: DeadLetterAnswerSerializer},
    "errors": (400, 403, 404, 409),
    "parameters": [path_id("id", "dead letter"), IDEMPOTENCY_KEY],
}


class DeadLetters(ApiView):
    @operation(
        "listDeadLetters",
        tag="Oversight",
        answers={200: DeadLetterListSerializer},
        errors=(400,),
        parameters=[LIMIT, AFTER],
    )
    def get(self, request: Request) -> Response:
        """Recipients whose last retry is spent, or whom our own guard refuses; newest first, with the last answer."""
        limit = pagination.limit(request)
        found = dead_letters.visible(self.principal)
        if after := pagination.asked_cursor(request):
            found = found.filter(after.behind("died_at", is_descending=True))
        rows = list(found.select_related("message", "recipient")[: limit + 1])
        cursor = pagination.next_cursor([(row.died_at, row.pk) for row in rows], limit)
        shown = DeadLetterSerializer(rows[:limit], many=True).data
        return Response({"deadLetters": shown, "nextCursor": cursor and cursor.text()})


class LetterView(ApiView):
    def act(self, request: Request, letter_id: str, verb: Callable[..., DeadLetter]) -> Response:
        note = self.asked(LetterRequest).get("note") or ""

        def done() -> Answer:
            letter = verb(self.principal, letter_id, note=note, now=self.now)
            return Answer(200, {"deadLetter": dict(DeadLetterSerializer(letter).data)})

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=done))


class Requeue(LetterView):
    @operation("requeueDeadLetter", **ACT)
    def post(self, request: Request, id: str) -> Response:
        """Try this recipient again, with a fresh round of attempts. Needs a member's decide key.

        409 where it may not leave: `suppressed`, `not_approved`, `approval_expired`.
        """
        return self.act(request, id, dead_letters.requeue)


class Drop(LetterView):
    @operation("dropDeadLetter", **ACT)
    def post(self, request: Request, id: str) -> Response:
        """Give this recipient up for good. Needs a member's decide key."""
        return self.act(request, id, dead_letters.drop)
