"""What an open page is told: the rows behind its place in the event log, as one frame without forms and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from mailboxes import events
from mailboxes.ids import parse_id
from mailboxes.models import Event
from oversight import monitoring, reviews
from oversight.counting import count
from oversight.models import Review, ReviewState

from . import queries, shell
from .visit import Visit

MOST_EVENTS = 200
ARRIVED = frozenset({"review.opened"})
DECIDED = frozenset({"review.approved", "review.rejected", "review.expired", "review.cancelled", "review.undone"})
DECIDED |= {"review.returned", "review.reopened"}
# What changes a review that goes on waiting: its bar says so.
MOVED = frozenset({"review.edited", "review.approved_by_one", "review.snoozed", "review.woken"})
STOPS = frozenset({"account.stopped", "account.resumed", "sending.stopped", "sending.resumed"})
SENDS = frozenset({"message.queued", "message.sent", "message.failed", "message.unknown"})
OUTCOMES = frozenset({"message.delivered", "message.bounced", "message.complaint", "message.cancelled"})
TURNS = frozenset({"message.held", "message.rejected", "message.expired", "message.unlocked"})


@dataclass(frozen=True, slots=True)
class Frame:
    """`cursor` is the place in the log up to which the page now knows; `has_more`: ask again at once."""

    message: dict[str, Any]
    cursor: int
    has_more: bool


def frame(visit: Visit, cursor: int) -> Frame:
    """All that happened in the account behind `cursor`, folded: each review once, as it stands now."""
    found = events.after(visit.member.account, cursor, limit=MOST_EVENTS)
    place = found[-1].seq if found else cursor
    message: dict[str, Any] = {"cursor": place, "now": visit.now.isoformat()}
    kinds = {event.kind for event in found}
    touched = _reviews(visit, found) if kinds & (ARRIVED | DECIDED) else []
    if touched:
        message |= {
            "pending": count(reviews.pending(visit.actor, now=visit.now)),
            "arrived": _arrived(found, touched),
            "tray": True,
        }
    refreshed = _refreshed(found)
    if refreshed:
        message["refresh"] = refreshed
    if kinds & (SENDS | OUTCOMES):
        unseen = monitoring.unseen(visit.actor, seen_at=visit.seen_at, now=visit.now)
        message |= {"feed": True, "unseen": count(unseen)}
    content = _content(visit, found, touched)
    if content:
        message["content"] = content
    if kinds & STOPS:
        message["urgent"] = _stop_words(visit)
    return Frame(message=message, cursor=place, has_more=len(found) == MOST_EVENTS)


def _reviews(visit: Visit, found: Sequence[Event]) -> list[Review]:
    subjects = {event.subject for event in found if event.kind in ARRIVED | DECIDED}
    ids = [pk for pk in map(parse_id, subjects) if pk]
    return list(queries.with_mail(reviews.visible(visit.actor).filter(pk__in=ids)))


def _arrived(found: Sequence[Event], touched: Sequence[Review]) -> list[str]:
    opened = {event.subject for event in found if event.kind in ARRIVED}
    return [str(review.pk) for review in touched if review.state == ReviewState.OPEN and str(review.pk) in opened]


def _refreshed(found: Sequence[Event]) -> list[str]:
    """Parts of a page that the page itself must fetch, since they hold forms: named by element id."""
    bars = {f"decision-{event.subject}" for event in found if event.kind in DECIDED | MOVED}
    lines = {f"timeline-{event.subject}" for event in found if event.kind in SENDS | OUTCOMES | TURNS}
    return sorted(bars | lines)


def _content(visit: Visit, found: Sequence[Event], touched: Sequence[Review]) -> str:
    decided = {event.subject for event in found if event.kind in DECIDED}
    parts = [_row(review, now=visit.now) for review in touched if str(review.pk) in decided]
    if any(event.kind in STOPS for event in found):
        stopped = {"stopped": shell.stopped_of(visit.member.account), "now": visit.now}
        parts.append(_partial("#stopbar", "partials/_stopbar.html", stopped))
    return "".join(parts)


def _row(review: Review, *, now: datetime) -> SafeString:
    template = "_row_review" if review.state == ReviewState.OPEN else "_row_tombstone"
    context = {"review": queries.row(review), "can_decide": False, "now": now}
    return _partial(f"#review-{review.pk}", f"partials/{template}.html", context)


def _partial(target: str, template: str, context: dict[str, Any]) -> SafeString:
    inner = mark_safe(render_to_string(template, context))  # noqa: S308 - the engine escaped it
    return format_html('<hx-partial hx-target="{}" hx-swap="outerHTML">{}</hx-partial>', target, inner)


def _stop_words(visit: Visit) -> str:
    stopped = shell.stopped_of(visit.member.account)
    if not stopped:
        return "Sending goes on."
    first = stopped[0]
    return (
        f"Sending of {first.what} is stopped by {first.by}." if first.what else f"All sending is stopped by {first.by}."
    )
