"""What waits for people, filtered and in pages."""

from __future__ import annotations

import re
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import pagination
from mailboxes.api.openapi import LIMIT, operation
from mailboxes.errors import Invalid
from messaging.models import Direction
from oversight import pending, reviews
from oversight.pending import LETTERS, Claimed, Place, Wanted
from oversight.policy.types import Risk

from .queue_forms import GROUP
from .reviews import ReviewView
from .serializers import ReviewListSerializer

EXPIRY, RISK = "expiry", "risk"
RISKS = [risk.value for risk in Risk]
AFTER = OpenApiParameter(
    "after",
    {"type": "string", "pattern": r"^(|[hml]?[0-9]{16}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"},
    description="`nextCursor` of the page before.",
)
PARAMETERS = [
    LIMIT,
    AFTER,
    OpenApiParameter("sort", OpenApiTypes.STR, enum=[EXPIRY, RISK], description="expiry, or the gravest risk first."),
    OpenApiParameter("mailboxId", OpenApiTypes.UUID),
    OpenApiParameter("agentId", OpenApiTypes.UUID),
    OpenApiParameter("groupId", {"type": "string", "pattern": GROUP}, description="Of one similar group."),
    OpenApiParameter("tag", {"type": "string", "maxLength": 50, "pattern": r"^[^\u0000]*$"}),
    OpenApiParameter("lane", {"type": "string", "maxLength": 40, "pattern": r"^[^\u0000]*$"}),
    OpenApiParameter("risk", OpenApiTypes.STR, enum=RISKS),
    OpenApiParameter(
        "rule",
        {"type": "string", "maxLength": 60, "pattern": r"^[^\u0000]*$"},
        description="The code of the reason for which it is held.",
    ),
    OpenApiParameter("claimed", OpenApiTypes.STR, enum=[one.value for one in Claimed]),
    OpenApiParameter("direction", OpenApiTypes.STR, enum=Direction.values),
    OpenApiParameter("openedBefore", OpenApiTypes.DATETIME),
    OpenApiParameter("openedAfter", OpenApiTypes.DATETIME),
    OpenApiParameter("snoozed", OpenApiTypes.STR, enum=["true", "false"], description="true: what is put off, alone."),
]


class Pending(ReviewView):
    @operation(
        "listPendingReviews",
        tag="Oversight",
        answers={200: ReviewListSerializer},
        errors=(400, 404),
        parameters=PARAMETERS,
    )
    def get(self, request: Request) -> Response:
        """Open reviews, soonest expiry first.

        A decide key sees those of the account, an agent's key those of its mailboxes. A page may hold fewer than
        `limit`, or none, and still have a next one: what no index knows is looked for a stretch at a time.
        """
        limit = pagination.limit(request)
        is_by_risk = pagination.choice(request, "sort", [EXPIRY, RISK]) == RISK
        found = pending.page(
            self.principal,
            self._wanted(request),
            after=_place(request.query_params.get("after"), is_by_risk=is_by_risk),
            is_by_risk=is_by_risk,
            limit=limit,
            now=self.now,
        )
        shown = {one["id"]: one for one in self.shown(reviews.visible(self.principal).filter(pk__in=found.ids))}
        # What was decided between the two questions is left out.
        rows = [shown[str(pk)] for pk in found.ids if str(pk) in shown]
        return Response({"reviews": rows, "nextCursor": found.next and _text(found.next)})

    def _wanted(self, request: Request) -> Wanted:
        query = request.query_params
        mailbox_id, agent_id = query.get("mailboxId"), query.get("agentId")
        return Wanted(
            mailbox_id=None if mailbox_id is None else self.principal.get_mailbox(mailbox_id).pk,
            agent_id=None if agent_id is None else pagination.identity("agentId", agent_id),
            group=_group(query.get("groupId")),
            tag=_words(request, "tag", most=50),
            lane=_words(request, "lane", most=40),
            risk=pagination.choice(request, "risk", RISKS) or "",
            rule=_words(request, "rule", most=60),
            claimed=pagination.choice(request, "claimed", [one.value for one in Claimed]) or "",
            direction=pagination.choice(request, "direction", Direction.values) or "",
            opened_before=pagination.moment(request, "openedBefore"),
            opened_after=pagination.moment(request, "openedAfter"),
            is_snoozed=pagination.choice(request, "snoozed", ["true", "false"]) == "true",
        )


def _words(request: Request, name: str, *, most: int) -> str:
    text = request.query_params.get(name, "")
    if len(text) > most or "\x00" in text:
        raise Invalid(
            f"{name} is not 0 to {most} characters.", code="invalid_field", fix="Send one that exists.", field=name
        )
    return text


def _group(text: str | None) -> str:
    if text and not re.fullmatch(GROUP, text, re.ASCII):
        raise Invalid("groupId is no group of ours.", code="invalid_field", fix="Send a groupId.", field="groupId")
    return text or ""


def _place(text: str | None, *, is_by_risk: bool) -> Place | None:
    letter, rest = (text[:1], text[1:]) if text and is_by_risk else ("", text)
    found = pagination.cursor(rest)
    if found is None and not letter:
        return None
    if found is None or (is_by_risk and letter not in LETTERS):
        raise Invalid(
            "This is no cursor of this list.", code="invalid_cursor", fix="Send the nextCursor of an answer.",
            field="after",
        )  # fmt: skip
    return Place(found.moment, UUID(str(found.id)), LETTERS.get(letter))


def _text(place: Place) -> str:
    letter = place.risk.value[0] if place.risk else ""
    return letter + pagination.Cursor(place.moment, place.id).text()
