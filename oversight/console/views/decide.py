"""Approve, reject, give back, undo: always by POST, always on the version that the page showed. And put off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from mailboxes import second_step
from mailboxes.errors import Conflict as ConflictProblem
from mailboxes.errors import Forbidden, Invalid, Problem
from oversight import decisions, sharing
from oversight.console import detail, kept_text, queries, shell, standing
from oversight.console.cards import Bar, Conflict
from oversight.console.forms import ChangesForm, RejectForm, SnoozeForm, VersionForm, shown
from oversight.console.views.review import show, show_bar
from oversight.console.visit import Visit, is_htmx, page
from oversight.decisions import DecisionConflict, Reviewer, ReviewOver
from oversight.models import Decision, DecisionKind, Door, Review, ReviewState


@dataclass(frozen=True, slots=True)
class Act:
    """One posted decision: what it is called, how it is checked and done, and the panel that its form stands in."""

    kind: DecisionKind
    form: type[VersionForm]
    decide: Callable[[Review, Reviewer, dict[str, str], Visit], Decision]
    panel: str = ""


def _approve(review: Review, reviewer: Reviewer, asked: dict[str, str], visit: Visit) -> Decision:
    return decisions.approve(
        review, reviewer=reviewer, version=int(asked["version"]), note=asked["note"], now=visit.now
    )


def _reject(review: Review, reviewer: Reviewer, asked: dict[str, str], visit: Visit) -> Decision:
    return decisions.reject(
        review,
        reviewer=reviewer,
        version=int(asked["version"]),
        reason=asked["reason"],
        note=asked["note"],
        now=visit.now,
    )


def _request_changes(review: Review, reviewer: Reviewer, asked: dict[str, str], visit: Visit) -> Decision:
    return decisions.request_changes(
        review,
        reviewer=reviewer,
        version=int(asked["version"]),
        reason=asked["reason"],
        instructions=asked["instructions"],
        now=visit.now,
    )


def _undo(review: Review, reviewer: Reviewer, asked: dict[str, str], visit: Visit) -> Decision:
    return decisions.undo(review, reviewer=reviewer, version=int(asked["version"]), now=visit.now)


APPROVE = Act(DecisionKind.APPROVE, VersionForm, _approve)
REJECT = Act(DecisionKind.REJECT, RejectForm, _reject, panel="reject")
CHANGES = Act(DecisionKind.REQUEST_CHANGES, ChangesForm, _request_changes, panel="changes")
UNDO = Act(DecisionKind.UNDO, VersionForm, _undo)


@require_POST
@page
def approve(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    return _act(request, visit, review_id, APPROVE)


@require_POST
@page
def reject(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    return _act(request, visit, review_id, REJECT)


@require_POST
@page
def request_changes(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    return _act(request, visit, review_id, CHANGES)


@require_POST
@page
def undo(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    return _act(request, visit, review_id, UNDO)


@require_POST
@page
def snooze(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    """Out of sight until the chosen moment, or at once back into it: no decision, so no version."""
    review = detail.get_review(visit.actor, review_id)
    form = SnoozeForm(request.POST)
    if not form.is_valid():
        return _answer(request, visit, review, status=422, bar=Bar(panel="snooze"))
    moments = {one.value: one.at for one in standing.snoozes(visit.now)}
    try:
        sharing.snooze(review, actor=visit.actor, until=moments.get(form.cleaned_data["until"]), now=visit.now)
    except Problem as problem:
        return _refused(request, visit, review_id, problem, kept="")
    if form.cleaned_data["until"] == standing.WAKE:
        messages.success(request, "It waits in the queue again.")
        return _lead(request, reverse("console:review", args=[review_id]))
    messages.success(request, "Put off. It comes back by itself.", extra_tags=shell.NEXT)
    return _lead(request, _following(visit, review))


def _act(request: HttpRequest, visit: Visit, review_id: UUID, act: Act) -> HttpResponse:
    review = detail.get_review(visit.actor, review_id)
    form = act.form(request.POST)
    if not form.is_valid():
        return _again(request, visit, review, form, panel=act.panel)
    try:
        reviewer = Reviewer(visit.actor, Door.CONSOLE, second_step.proven_at(request))
        act.decide(review, reviewer, form.cleaned_data, visit)
    except Problem as problem:
        if problem.code in kept_text.WAYS:
            return kept_text.prove_first(request, review_id, problem.code, note=_typed(form))
        if not was_mine(problem, act.kind, visit, version=form.cleaned_data["version"]):
            return _refused(request, visit, review_id, problem, kept=_typed(form))
    kept_text.forget(request)
    return _done(request, visit, detail.get_review(visit.actor, review_id), act)


def _typed(form: forms.Form) -> str:
    return str(form.cleaned_data.get("instructions") or form.cleaned_data["note"])


def was_mine(problem: Problem, kind: DecisionKind, visit: Visit, *, version: int) -> bool:
    """Whether this very decision was recorded before: a form that was sent twice is no conflict."""
    if not isinstance(problem, DecisionConflict):
        return False
    newest = Decision.objects.filter(review=problem.review).order_by("-version").first()
    return (
        newest is not None and newest.kind == kind and newest.member_id == visit.member.pk and newest.version == version
    )


def _done(request: HttpRequest, visit: Visit, review: Review, act: Act) -> HttpResponse:
    target = request.headers.get("HX-Target", "").partition("#")[2]  # "li#review-…": where the form stood
    if target.startswith("review-"):
        return _row(request, visit, review)
    if act is UNDO:
        if target.startswith("decision-"):
            return show_bar(request, visit, review)
        messages.success(request, "Taken back. It waits again.")
        return redirect("console:review", review.pk)
    is_in_tray = review.state == ReviewState.APPROVED and settings.UNDO_SECONDS
    messages.success(request, _said(review), extra_tags=f"{shell.NEXT} {shell.IN_TRAY if is_in_tray else ''}")
    return _lead(request, _following(visit, review))


def _following(visit: Visit, review: Review) -> str:
    following = queries.next_waiting(visit, review)
    return reverse("console:review", args=[following.id]) if following else reverse("console:queue")


def _lead(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponse(headers={"HX-Redirect": url}) if is_htmx(request) else redirect(url)


def _said(review: Review) -> str:
    if review.state == ReviewState.OPEN:
        return "Your approval counts. It still waits for somebody else."
    if review.state == ReviewState.RETURNED:
        return "Given back. The agent is told what to change."
    if review.state != ReviewState.APPROVED:
        return "Rejected. The agent is told why."
    return f"Approved, leaves in {settings.UNDO_SECONDS} seconds." if settings.UNDO_SECONDS else "Approved, leaves now."


def _row(request: HttpRequest, visit: Visit, review: Review) -> HttpResponse:
    """The row of a list after the act: a tombstone, or the waiting row again; and the tray with what can be undone."""
    context = {
        "review": queries.row(review, allowed_actions=detail.allowed_actions(review, visit)),
        "undoables": shell.undoables(visit),
        "can_decide": visit.member.may_decide,
        "now": visit.now,
    }
    return render(request, "oversight/row_answer.html", context)


def _again(request: HttpRequest, visit: Visit, review: Review, form: forms.Form, *, panel: str) -> HttpResponse:
    """The form with its errors: nothing was recorded."""
    if "version" in form.errors:
        conflict = Conflict("stale_version", "This form was incomplete. Read the message again and decide then.")
        return _answer(request, visit, review, status=422, bar=Bar(conflict))
    return _answer(request, visit, review, status=422, bar=Bar(panel=panel, form=shown(form)))


def _refused(request: HttpRequest, visit: Visit, review_id: UUID, problem: Problem, *, kept: str) -> HttpResponse:
    if isinstance(problem, Forbidden) and problem.code != "own_message":
        raise problem
    if not isinstance(problem, (ConflictProblem, ReviewOver, Invalid, Forbidden)):
        raise problem
    review = detail.get_review(visit.actor, review_id)
    code = "expired" if isinstance(problem, ReviewOver) else problem.code
    text = " ".join(part for part in (problem.sentence, problem.fix) if part)
    return _answer(request, visit, review, status=problem.status, bar=Bar(Conflict(code, text, kept)))


def _answer(request: HttpRequest, visit: Visit, review: Review, *, status: int, bar: Bar) -> HttpResponse:
    draw = show_bar if is_htmx(request) else show
    return draw(request, visit, review, status=status, bar=bar)
