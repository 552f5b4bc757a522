"""`/review/<id>/`: one held message, all that one needs to decide on it, and the decision bar."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from mailboxes.errors import Conflict as ConflictProblem
from mailboxes.errors import Gone
from oversight import decisions, sharing, viewings
from oversight.console import detail, kept_text, people, queries, reading, shell, timeline
from oversight.console.cards import Conflict, MailCard, Person
from oversight.console.reading import TABS, Reading
from oversight.console.visit import Visit, is_htmx, page
from oversight.models import Review, ReviewState


@require_safe
@page
def review(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    found = detail.get_review(visit.actor, review_id)
    viewings.record(found, actor=visit.actor, now=visit.now)
    conflict = kept_text.find(request, review_id, now=visit.now) if found.state == ReviewState.OPEN else None
    return show(request, visit, found, conflict=conflict)


@require_POST
@page
def claim(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    """Look at it, and tell the others; asked again every minute while the page is open."""
    with suppress(ConflictProblem, Gone):  # somebody else looks at it, or it is over: the page says so
        sharing.claim(detail.get_review(visit.actor, review_id), actor=visit.actor, now=visit.now)
    return _presence(request, visit, review_id)


@require_POST
@page
def let_go(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    sharing.let_go(detail.get_review(visit.actor, review_id), actor=visit.actor)
    return _presence(request, visit, review_id)


def _presence(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    if not is_htmx(request):
        return redirect("console:review", review_id)
    found = detail.get_review(visit.actor, review_id)
    card = detail.review_card(found, visit, people=[])
    return render(request, "partials/_presence.html", {"review": card, "viewers": detail.viewers(found, visit)})


def show(
    request: HttpRequest,
    visit: Visit,
    found: Review,
    *,
    status: int = 200,
    conflict: Conflict | None = None,
    reject_form: dict[str, Any] | None = None,
) -> HttpResponse:
    """The whole page. `found` comes from `detail.get_review`."""
    read = of_review(found)
    context = context_of(visit, found, read) | tab_of(request, read)
    context |= {"conflict": conflict, "reject_form": reject_form, "reasons": list(decisions.REJECT_REASONS.items())}
    context |= _place(visit, found)
    return shell.render(request, visit, "oversight/review.html", context, section="review", status=status)


def show_bar(
    request: HttpRequest,
    visit: Visit,
    found: Review,
    *,
    status: int = 200,
    conflict: Conflict | None = None,
    reject_form: dict[str, Any] | None = None,
) -> HttpResponse:
    """The decision bar alone, for htmx."""
    addressed = people.of(found.message, actor=visit.actor, replies={})
    context = {
        "review": detail.review_card(found, visit, people=addressed),
        "conflict": conflict,
        "reject_form": reject_form,
        "reasons": list(decisions.REJECT_REASONS.items()),
        "next_review": queries.next_waiting(visit, found),
        "now": visit.now,
    }
    return render(request, "partials/_decision_bar.html", context, status=status)


def of_review(found: Review) -> Reading:
    """The message of a review, read for people."""
    path = reverse("console:review", args=[found.pk])
    return reading.of(found.message, getattr(found, "raw", None), link_url=lambda number: f"{path}link/{number}/")


def context_of(visit: Visit, found: Review, read: Reading) -> dict[str, Any]:
    """What the page tells about the message and the review."""
    message = found.message
    thread, replies = detail.thread_around(message)
    addressed = people.of(message, actor=visit.actor, replies=replies)
    card = detail.review_card(found, visit, people=addressed, signals=read.signals())
    body = f"{reverse('console:body', args=[found.pk])}?v={message.current_version}"
    return {
        "review": card,
        "mail": mail_card(read, url=reverse("console:review", args=[found.pk]), body_url=body, addressed=addressed),
        "message_state": message.status if found.state == ReviewState.APPROVED else "",
        "message_id": message.pk,
        "viewers": detail.viewers(found, visit),
        "initiator": detail.initiator(message),
        "readiness": detail.readiness(message, visit) if found.state == ReviewState.OPEN else [],
        "thread": thread,
        "way": timeline.of(message, actor=visit.actor),
    }


def mail_card(read: Reading, *, url: str, body_url: str, addressed: list[Person]) -> MailCard:
    """The message itself."""
    return MailCard(
        url=url,
        body_url=body_url,
        from_name=read.message.from_name,
        from_address=read.message.from_address,
        subject=read.message.subject,
        recipients=addressed,
        files=read.files,
        reply_to=read.message.reply_to,
        links_count=len(read.document.anchors),
        blocked_image_count=read.document.blocked_count,
    )


def tab_of(request: HttpRequest, read: Reading) -> dict[str, Any]:
    """Only what the chosen tab shows."""
    tab = request.GET.get("tab", TABS[0])
    shown: dict[str, Any] = {"tab": tab if tab in TABS else TABS[0]}
    if tab == "text":
        shown |= {"text": read.text, "is_truncated": len(read.mail.text) > reading.SOURCE_SHOWN}
    elif tab == "links":
        shown["links"] = read.links
        shown["link_path"] = read.link_url
    elif tab == "headers":
        shown["headers"] = read.headers()
    elif tab == "source":
        shown |= {"source": read.source, "is_truncated": len(read.raw) > reading.SOURCE_SHOWN}
    return shown


def _place(visit: Visit, found: Review) -> dict[str, Any]:
    if found.state != ReviewState.OPEN:
        return {"next_review": queries.next_waiting(visit, found)}
    around = queries.neighbours(visit, found)
    return {"position": around.position, "previous_review": around.previous, "next_review": around.next}
