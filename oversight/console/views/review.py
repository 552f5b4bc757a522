"""`/review/<id>/`: one held message, all that one needs to decide on it, and the decision bar."""

from __future__ import annotations

from collections.abc import Sequence
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
from oversight.console import changes, detail, kept_text, people, queries, reading, shell, timeline
from oversight.console.cards import Bar, Conflict, MailCard, Person
from oversight.console.changes import Changes
from oversight.console.forms import CHANGE_REASONS
from oversight.console.reading import TABS, Reading
from oversight.console.visit import Visit, is_htmx, page
from oversight.models import Review, ReviewState

NOTHING, DIFF = Bar(), "diff"
OTHER_MAIL = Conflict("stale_version", "The message was changed after you opened it.")


@require_safe
@page
def review(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    found = detail.get_review(visit.actor, review_id)
    viewings.record(found, actor=visit.actor, now=visit.now)
    if found.state != ReviewState.OPEN:
        return show(request, visit, found)
    conflict = kept_text.find(request, review_id, now=visit.now)
    # A page that renews its bar says which form of the mail stands above it: nobody decides on what they have not read.
    if request.GET.get("seen", "") not in ("", str(found.message.current_version)):
        conflict = OTHER_MAIL
    return show(request, visit, found, bar=Bar(conflict, request.GET.get("do", "")))


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


def show(request: HttpRequest, visit: Visit, found: Review, *, status: int = 200, bar: Bar = NOTHING) -> HttpResponse:
    """The whole page. `found` comes from `detail.get_review`."""
    read, changed = of_review(found), changes.of(found.message, wanted=_wanted(request, found))
    context = context_of(visit, found, read) | tab_of(request, read, tabs=_tabs(found, changed))
    context |= {"changes": changed} | _bar(bar) | _place(visit, found)
    return shell.render(request, visit, "oversight/review.html", context, section="review", status=status)


def show_bar(
    request: HttpRequest, visit: Visit, found: Review, *, status: int = 200, bar: Bar = NOTHING
) -> HttpResponse:
    """The decision bar alone, for htmx."""
    addressed = people.of(found.message, actor=visit.actor, replies={})
    context = {
        "review": detail.review_card(found, visit, people=addressed),
        "next_review": queries.next_waiting(visit, found),
        "now": visit.now,
    }
    return render(request, "partials/_decision_bar.html", context | _bar(bar), status=status)


def _wanted(request: HttpRequest, found: Review) -> int | None:
    """The form of the message whose changes are to be shown, if this is where they would be."""
    if request.GET.get("tab", DIFF) != DIFF:
        return None
    asked = request.GET.get("revision", "")
    return int(asked) if asked.isdecimal() and len(asked) < 9 else found.message.current_version


def _tabs(found: Review, changed: Changes | None) -> Sequence[str]:
    """With what was changed, where anything was; first, while one decides on just that."""
    if changed is None:
        return TABS
    is_new = found.state == ReviewState.OPEN and changed.forms[0].version == found.message.current_version
    return (DIFF, *TABS) if is_new else (*TABS, DIFF)


def _bar(bar: Bar) -> dict[str, Any]:
    return {
        "conflict": bar.conflict,
        "panel": bar.panel,
        "reject_form": bar.form if bar.panel == "reject" else None,
        "changes_form": bar.form if bar.panel == "changes" else None,
        "reasons": list(decisions.REJECT_REASONS.items()),
        "change_reasons": list(CHANGE_REASONS.items()),
    }


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
        revision=read.message.current_version,
    )


def tab_of(request: HttpRequest, read: Reading, *, tabs: Sequence[str] = TABS) -> dict[str, Any]:
    """Only what the chosen tab shows, or else the first."""
    tab = request.GET.get("tab", tabs[0])
    shown: dict[str, Any] = {"tab": tab if tab in tabs else tabs[0]}
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
    is_asleep = found.snoozed_until is not None and found.snoozed_until > visit.now
    return {
        "position": 0 if is_asleep else around.position,
        "previous_review": around.previous,
        "next_review": around.next,
    }
