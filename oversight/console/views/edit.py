"""`/review/<id>/edit/`: the message in another form, saved on the version that was read."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from mailboxes import second_step
from mailboxes.errors import Conflict as ConflictProblem
from mailboxes.errors import Forbidden, Gone, NotFound, Problem
from messaging.models import Attachment
from oversight import decisions, sharing
from oversight.console import changes as differences
from oversight.console import detail, editing, kept_text, shell
from oversight.console.cards import Conflict
from oversight.console.editing import EditForm, Meeting
from oversight.console.forms import shown
from oversight.console.visit import Visit, is_htmx, page
from oversight.decisions import Changes, DecisionConflict, Reviewer, ReviewOver
from oversight.models import Claims, Decision, DecisionKind, Door, Review


@dataclass(frozen=True, slots=True)
class Said:
    """What stands above the form: why nothing was saved, and where a colleague's changes meet this person's."""

    status: int = 200
    conflict: Conflict | None = None
    met: tuple[Meeting, ...] = ()
    met_by: str = ""


# The fields that have a place for what is wrong with them.
MARKED = (*editing.ADDRESSED, "subject", "text", "note")
NO_EDITORS = ("own_message", "may_not_decide", "password_not_proven")


@require_http_methods(["GET", "HEAD", "POST"])
@page
def edit(request: HttpRequest, visit: Visit, review_id: UUID) -> HttpResponse:
    review = detail.get_review(visit.actor, review_id)
    if request.method == "POST":
        return _save(request, visit, review)
    if "edit" not in detail.allowed_actions(review, visit):  # the page of the review says why
        return redirect("console:review", review_id)
    values = editing.begin(review.message, version=review.version)
    kept = kept_text.find_edit(request, review_id)
    return _show(request, visit, review, values | kept, Said(conflict=kept_text.BACK if kept else None))


def _save(request: HttpRequest, visit: Visit, review: Review) -> HttpResponse:
    form = EditForm(request.POST, message=review.message, files=_files(review))
    if not form.is_valid():
        hidden = [str(found[0]) for name, found in form.errors.items() if name not in MARKED]
        conflict = Conflict("invalid", hidden[0] if hidden else "Correct what is marked below.")
        return _show(request, visit, review, shown(form), Said(422, conflict))
    asked = form.cleaned_data
    try:
        _decide(request, visit, review, editing.wanted(review.message, asked), asked)
    except Problem as problem:
        if problem.code in kept_text.WAYS:
            fields = {name: value for name, value in shown(form).items() if name not in ("errors", "leave_out")}
            return kept_text.prove_first(request, review.pk, problem.code, fields=fields)
        if not isinstance(problem, (DecisionConflict, ReviewOver)):
            return _refused(request, visit, review, problem, form)
        fresh = detail.get_review(visit.actor, review.pk)
        if not _was_mine(fresh, visit, asked):
            return _late(request, visit, fresh, problem, form)
    kept_text.forget(request)
    return _done(request, visit, detail.get_review(visit.actor, review.pk))


def _decide(request: HttpRequest, visit: Visit, review: Review, changes: Changes, asked: dict[str, Any]) -> None:
    """The edit, and with it the approval of just that where it was asked for: both or neither."""
    if getattr(review, "claims", "") == Claims.REQUIRED:  # whoever saves has looked at it all the while
        with suppress(ConflictProblem, Gone):
            sharing.claim(review, actor=visit.actor, now=visit.now)
    reviewer, note = Reviewer(visit.actor, Door.CONSOLE, second_step.proven_at(request)), asked["note"]
    with transaction.atomic():
        edited = decisions.edit(
            review, reviewer=reviewer, version=asked["version"], changes=changes, note=note, now=visit.now
        )
        if "approve" in request.POST:
            decisions.approve(review, reviewer=reviewer, version=edited.version + 1, note=note, now=visit.now)


def _was_mine(review: Review, visit: Visit, asked: dict[str, Any]) -> bool:
    """Whether this very form was saved before: one that was sent twice is no conflict."""
    mine = Decision.objects.filter(review=review, version=asked["version"], kind=DecisionKind.EDIT, member=visit.member)
    present = set(Attachment.objects.filter(message=review.message).values_list("pk", flat=True))
    left = asked | {"leave_out": present.intersection(asked["leave_out"])}
    return mine.exists() and editing.wanted(review.message, left) == Changes()


def _done(request: HttpRequest, visit: Visit, review: Review) -> HttpResponse:
    is_over = "edit" not in detail.allowed_actions(review, visit)
    said = "Saved and approved." if is_over else "Saved. Nobody has approved this form yet."
    if "approve" in request.POST and not is_over:
        said = "Saved, and your approval counts. It still waits for somebody else."
    messages.success(request, said, extra_tags=shell.IN_TRAY if is_over else "")
    url = f"{reverse('console:review', args=[review.pk])}?tab=diff"
    return HttpResponse(headers={"HX-Redirect": url}) if is_htmx(request) else redirect(url)


def _refused(request: HttpRequest, visit: Visit, review: Review, problem: Problem, form: EditForm) -> HttpResponse:
    """The form again: the rules, a limit or a suppression are in the way, and nothing was saved."""
    if isinstance(problem, NotFound) or problem.code in NO_EDITORS:
        raise problem
    field = str(problem.extra.get("field") or "")
    values = shown(form)
    if field in editing.ADDRESSED:
        values["errors"] |= {field: problem.sentence}
    text = f"The rules refuse it: {problem.sentence}" if isinstance(problem, Forbidden) else problem.sentence
    status = problem.status if isinstance(problem, ConflictProblem) else 422
    return _show(request, visit, review, values, Said(status, Conflict(problem.code, text)))


def _late(request: HttpRequest, visit: Visit, review: Review, problem: Problem, form: EditForm) -> HttpResponse:
    """Somebody was first: all that was typed is kept, beside what they did."""
    met = editing.meetings(review.message, form.cleaned_data)
    values = editing.merged(review.message, shown(form), met)
    values |= {"version": review.version, "revision": review.message.current_version}
    changed = differences.of(review.message, wanted=None) if met else None
    by = changed.forms[0].by if changed else ""
    said = Said(problem.status, Conflict(problem.code, problem.sentence), tuple(met), by)
    return _show(request, visit, review, values, said)


def _show(request: HttpRequest, visit: Visit, review: Review, values: dict[str, Any], said: Said) -> HttpResponse:
    message = review.message
    left_out = {str(one) for one in values.get("leave_out") or ()}
    context = {
        "review": detail.review_card(review, visit, people=[]),
        "form": values,
        "said_above": said,
        "files": [(one, str(one.pk) in left_out) for one in _files(review)],
        "has_html": message.body_html is not None,
        "is_long": editing.is_long(message),
        "may_save": "edit" in detail.allowed_actions(review, visit),
    }
    return shell.render(request, visit, "oversight/edit.html", context, section="review", status=said.status)


def _files(review: Review) -> list[Attachment]:
    return list(Attachment.objects.filter(message=review.message_id).order_by("created_at", "pk"))
