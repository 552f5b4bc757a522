"""A decision that needs the second step first: what was typed is kept while the member goes and shows who they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from mailboxes import second_step

from . import entering
from .cards import Conflict
from .visit import is_htmx

KEPT = "kept_text"  # session key
# The refusals of `decisions` that a page of ours can do something about.
WAYS = {"second_step_required": entering.proof_url, "second_step_missing": entering.set_up_url}

BACK = Conflict("second_step_shown", "What you typed is here again. Now save it.")


def prove_first(
    request: HttpRequest, review_id: UUID, code: str, *, note: str = "", fields: Mapping[str, Any] | None = None
) -> HttpResponse:
    """To the page that asks for it; from there back to the review, or with an edit's `fields` to its form."""
    request.session[KEPT] = {"review": str(review_id), "note": note, "edit": dict(fields or {})}
    back = reverse("console:edit" if fields else "console:review", args=[review_id])
    url = WAYS[code](f"{back}?kept=yes" if fields else back)
    return HttpResponse(headers={"HX-Redirect": url}) if is_htmx(request) else redirect(url)


def find(request: HttpRequest, review_id: UUID, *, now: datetime) -> Conflict | None:
    """What the review says to a member who is back, until a decision is recorded."""
    kept = request.session.get(KEPT)
    if (
        not isinstance(kept, dict)
        or kept.get("review") != str(review_id)
        or not second_step.is_recent(request, now=now)
    ):
        return None
    return Conflict("second_step_shown", "You have shown who you are. Now decide again.", str(kept.get("note") or ""))


def find_edit(request: HttpRequest, review_id: UUID) -> dict[str, Any]:
    """The fields of an edit that waits for its second step, to a member who was led back to its form."""
    kept = request.session.get(KEPT)
    if "kept" not in request.GET or not isinstance(kept, dict) or kept.get("review") != str(review_id):
        return {}
    return dict(kept.get("edit") or {})


def forget(request: HttpRequest) -> None:
    """After a decision nothing is kept."""
    if KEPT in request.session:
        del request.session[KEPT]
