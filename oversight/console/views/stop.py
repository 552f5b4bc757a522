"""`/stop/` and `/stop/resume/`: the kill switch of an account and its parts, in full pages that need no script."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from mailboxes import stops
from mailboxes.errors import Forbidden
from mailboxes.models import StopScope
from messaging.models import Recipient, Status
from oversight import reviews
from oversight.console import shell, stopping
from oversight.console.forms import ProofForm, StopForm, shown
from oversight.console.views import proof
from oversight.console.visit import Visit, page
from oversight.counting import count
from oversight.models import ReviewState


@require_http_methods(["GET", "HEAD", "POST"])
@page
def stop(request: HttpRequest, visit: Visit) -> HttpResponse:
    if not visit.member.may_decide:
        raise Forbidden("Only a reviewer, admin or owner may stop sending.", fix="Ask one of them.")
    form = StopForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _stopped(request, visit, form)
    around = shell.of(visit)
    context = {
        "shell": around,
        "counts": effect(visit),
        "groups": stopping.groups(visit),
        "standing": around.stopped,
        "is_account_stopped": visit.member.account.stopped_at is not None,
        "form": shown(form),
    }
    return shell.render(request, visit, "oversight/stop.html", context, status=422 if form.errors else 200)


def _stopped(request: HttpRequest, visit: Visit, form: StopForm) -> HttpResponse:
    scope, subject = form.cleaned_data["what"]
    made = stops.stop(visit.member, scope=scope, subject_id=subject, reason=form.cleaned_data["reason"], now=visit.now)
    said = "Stopped. Nothing of it leaves until an owner or admin resumes." if made else "It was stopped already."
    messages.success(request, said)
    return redirect("console:queue")


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def resume(request: HttpRequest, visit: Visit) -> HttpResponse:
    standing = [one for one in shell.stopped_of(visit.member.account) if one.is_ours]
    asked = (request.POST if request.method == "POST" else request.GET).get("stop", "")
    stopped = next((one for one in standing if str(one.id) == asked), None if asked else next(iter(standing), None))
    if stopped is None:
        return redirect("console:queue")
    form = ProofForm(request.POST if request.method == "POST" else None)
    is_asked = request.method == "POST" and visit.member.may_manage and form.is_valid()
    if is_asked and proof.is_given(request, visit, form):
        stops.resume(visit.member, scope=StopScope(stopped.scope), subject_id=stopped.subject_id, now=visit.now)
        messages.success(request, "Sending goes on: all that waited for it leaves.")
        return redirect("console:queue")
    context = {
        "stopped": stopped,
        "counts": effect(visit),
        "can_resume": visit.member.may_manage,
        "form": shown(form),
        "proof": proof.asked(request, visit),
    }
    return shell.render(request, visit, "oversight/resume.html", context, status=422 if form.errors else 200)


def effect(visit: Visit) -> list[tuple[str, int]]:
    """What a stop keeps from leaving, in numbers."""
    due = Recipient.objects.filter(next_at__isnull=False, message__mailbox__in=visit.actor.mailboxes())
    leaving = reviews.visible(visit.actor).filter(state=ReviewState.APPROVED, released_at__isnull=True).count()
    queued = due.filter(message__status=Status.QUEUED).values("message_id").distinct().count()
    return [
        ("queued to leave", queued),
        ("approved, in their undo time", leaving),
        ("waiting for review", count(reviews.pending(visit.actor))),
    ]
