"""The message's own document for the closed frame, and the page between a link in it and the place it leads to."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from messaging.models import Revision
from oversight.console import detail, mail_frame
from oversight.console.reading import Reading
from oversight.console.views.review import of_review
from oversight.console.visit import Visit, page
from oversight.models import Review


@require_safe
@page
def body(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    """Exactly the sealed version that `?v=` names, rendered from its bytes."""
    found = detail.get_review(visit.actor, review_id)
    _choose_version(found, request.GET.get("v"))
    return framed(of_review(found))


@require_safe
@page
def link(request: HttpRequest, visit: Visit, review_id: UUID, number: int) -> HttpResponse:
    return interstitial(request, of_review(detail.get_review(visit.actor, review_id)), number)


def framed(read: Reading) -> HttpResponse:
    """The document under its own policy: nothing runs, loads or leaves, wherever it is opened."""
    return HttpResponse(read.document.html, content_type="text/html; charset=utf-8", headers=mail_frame.HEADERS)


def interstitial(request: HttpRequest, read: Reading, number: int) -> HttpResponse:
    """Where the n-th link truly leads; nobody is sent there."""
    found = next((one for one in read.links if one.number == number), None)
    if found is None:
        raise Http404("No such link.")
    response = render(request, "oversight/link.html", {"link": found})
    response["Referrer-Policy"] = "no-referrer"
    return response


def _choose_version(found: Review, asked: str | None) -> None:
    if asked in (None, str(found.message.current_version)):
        return
    number = int(asked) if asked and asked.isascii() and asked.isdigit() and len(asked) < 9 else 0
    revision = Revision.objects.filter(message=found.message, version=number).first()
    if revision is None:
        raise Http404("No such version.")
    found.raw = revision.raw  # type: ignore[attr-defined]
