"""`/review/batches/<id>/`: how far many decisions at once have come, and what became of each."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from mailboxes.ids import parse_id
from oversight import batch_reports, bulk, decisions, reviews
from oversight.console import keyset, shell
from oversight.console.cards import Outcome
from oversight.console.visit import Visit, page
from oversight.models import Batch, ItemOutcome


@require_safe
@page
def batch(request: HttpRequest, visit: Visit, batch_id: UUID) -> HttpResponse:
    found = bulk.get(visit.actor, batch_id)
    is_skipped = request.GET.get("show") == "skipped"
    items, following = _items(visit, found, is_skipped=is_skipped, after=request.GET.get("after", ""))
    here = reverse("console:batch", args=[found.pk])
    context = {
        "batch": found,
        "progress": batch_reports.progress(found),
        "items": items,
        "is_skipped": is_skipped,
        "batch_url": here,
        "here": request.get_full_path(),
        "first_url": keyset.url(here, request.GET, after=None) if "after" in request.GET else "",
        "next_url": keyset.url(here, request.GET, after=following) if following else "",
        "reason": decisions.REJECT_REASONS.get(found.reason, found.reason),
    }
    return shell.render(request, visit, "oversight/batch.html", context, section="review")


def _items(visit: Visit, found: Batch, *, is_skipped: bool, after: str) -> tuple[list[Outcome], str]:
    """A page of the items, and where the next one begins."""
    items = found.items.order_by("pk")
    if is_skipped:
        items = items.filter(outcome=ItemOutcome.SKIPPED)
    if behind := parse_id(after):
        items = items.filter(pk__gt=behind)
    rows = list(items[: keyset.PAGE_SIZE + 1])
    here = rows[: keyset.PAGE_SIZE]
    visible = reviews.visible(visit.actor).filter(pk__in=[item.review_id for item in here])
    subjects = dict(visible.values_list("pk", "message__subject"))
    told = [
        Outcome(item.review_id, subjects[item.review_id], batch_reports.in_words(item, found.kind), item.outcome)
        for item in here
        if item.review_id in subjects
    ]
    return told, str(here[-1].pk) if len(rows) > keyset.PAGE_SIZE else ""
