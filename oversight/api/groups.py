"""Similar groups, and deciding many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api import idempotency, pagination
from mailboxes.api.base import ApiView, respond
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import IDEMPOTENCY_KEY, LIMIT, operation, path_id
from oversight import batch_reports, bulk, groups
from oversight.bulk import Named
from oversight.decisions import Reviewer
from oversight.models import Batch, Door
from oversight.pending import Wanted

from .queue_forms import ApproveManyRequest, RejectManyRequest
from .queue_serializers import (
    BatchAnswerSerializer,
    BatchSerializer,
    GroupAnswerSerializer,
    GroupListSerializer,
    GroupSerializer,
    GroupSummarySerializer,
)

GROUP_ID = path_id("id", "group")
ITEMS_AFTER = OpenApiParameter(
    "after",
    {"type": "string", "pattern": r"^(|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"},
    description="`nextCursor` of the items before.",
)
MANY: dict[str, Any] = {"tag": "Oversight", "answers": {202: BatchAnswerSerializer}, "errors": (400, 403, 404, 409)}


class Groups(ApiView):
    @operation(
        "listSimilarGroups", tag="Oversight", answers={200: GroupListSerializer}, errors=(400, 403), parameters=[LIMIT]
    )
    def get(self, request: Request) -> Response:
        """What waits and says the same but for numbers and names, the largest groups first. For reviewers."""
        found = groups.listed(self.principal, limit=pagination.limit(request), now=self.now)
        return Response({"groups": GroupSummarySerializer(found, many=True).data})


class OneGroup(ApiView):
    @operation(
        "getSimilarGroup",
        tag="Oversight",
        answers={200: GroupAnswerSerializer},
        errors=(403, 404),
        parameters=[GROUP_ID],
    )
    def get(self, request: Request, id: str) -> Response:
        """One similar group: what each of its members has where the template is blank, and which must be read."""
        group = groups.get(self.principal, id, now=self.now)
        shown = replace(group, members=group.members[: settings.BULK_APPROVE_MOST])
        return Response({"group": GroupSerializer(shown).data})


class BatchView(ApiView):
    """Begins a batch and shows it; a worker does it."""

    def begin(self, request: Request, act: Callable[[Reviewer], Batch]) -> Response:
        def done() -> Answer:
            return Answer(202, {"batch": self.shown(act(Reviewer(self.principal, Door.API)))})

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=done))

    def shown(self, batch: Batch, *, after: str = "", limit: int = pagination.DEFAULT_LIMIT) -> dict[str, Any]:
        told = batch_reports.progress(batch)
        # What the serializer tells beside the row.
        batch.done, batch.skipped, batch.summary = told.done, told.skipped, told.summary  # type: ignore[attr-defined]
        items = batch.items.order_by("pk")
        if after:
            items = items.filter(pk__gt=pagination.identity("after", after))
        found = list(items[: limit + 1])
        batch.shown_items = found[:limit]  # type: ignore[attr-defined]
        batch.nextCursor = str(found[limit - 1].pk) if len(found) > limit else None  # type: ignore[attr-defined]
        return dict(BatchSerializer(batch).data)


class ApproveMany(BatchView):
    @operation("approveSimilarReviews", request=ApproveManyRequest, parameters=[GROUP_ID, IDEMPOTENCY_KEY], **MANY)
    def post(self, request: Request, id: str) -> Response:
        """Approve reviews of one group, after you have opened as many of them as `samplesNeeded` says.

        What differs, or is of high risk, or has changed since, is not approved with the others; GET the batch to learn
        what became of each. Needs a member's decide key.
        """
        asked = self.asked(ApproveManyRequest)
        note = asked.get("note") or ""
        return self.begin(
            request,
            lambda who: bulk.approve(id, _named(asked["items"]), reviewer=who, note=note, now=self.now),
        )


class RejectMany(BatchView):
    @operation("rejectReviews", request=RejectManyRequest, parameters=[IDEMPOTENCY_KEY], **MANY)
    def post(self, request: Request) -> Response:
        """Reject any reviews, named with the versions that you saw, or all that match a filter if you say how many.

        Needs a member's decide key.
        """
        asked = self.asked(RejectManyRequest)
        words: dict[str, Any] = {"reason": asked["reason"], "note": asked.get("note") or "", "now": self.now}
        if "items" in asked:
            return self.begin(request, lambda who: bulk.reject(_named(asked["items"]), reviewer=who, **words))
        wanted = self._wanted(asked["filter"])
        return self.begin(request, lambda who: bulk.reject_all(wanted, asked["count"], reviewer=who, **words))

    def _wanted(self, asked: Mapping[str, Any]) -> Wanted:
        mailbox_id = asked.get("mailboxId")
        return Wanted(
            mailbox_id=self.principal.get_mailbox(mailbox_id).pk if mailbox_id else None,
            agent_id=asked.get("agentId"),
            group=asked.get("groupId", ""),
            tag=asked.get("tag", ""),
            lane=asked.get("lane", ""),
            risk=asked.get("risk", ""),
            rule=asked.get("rule", ""),
            claimed=asked.get("claimed", ""),
            direction=asked.get("direction", ""),
            opened_before=asked.get("openedBefore"),
            opened_after=asked.get("openedAfter"),
            is_snoozed=asked.get("snoozed", False),
        )


class OneBatch(BatchView):
    @operation(
        "getBatch",
        tag="Oversight",
        answers={200: BatchAnswerSerializer},
        errors=(400, 403, 404),
        parameters=[path_id("id", "batch"), LIMIT, ITEMS_AFTER],
    )
    def get(self, request: Request, id: str) -> Response:
        """What became of many that were decided by one act, review by review."""
        batch = bulk.get(self.principal, id)
        after = request.query_params.get("after", "")
        return Response({"batch": self.shown(batch, after=after, limit=pagination.limit(request))})


def _named(items: list[dict[str, Any]]) -> list[Named]:
    return [Named(item["id"], item["version"]) for item in items]
