"""`/agents/` and below: how far each agent is trusted, why, and what a person makes of it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailboxes.errors import Conflict, Invalid
from mailboxes.models import Mailbox
from oversight import rule_sets, suggestions, trust, trust_report
from oversight.console import keyset, shell
from oversight.console import trust as said
from oversight.console.forms import ProofForm, shown
from oversight.console.trust_forms import TermsForm
from oversight.console.views import proof
from oversight.console.visit import Visit, page
from oversight.models import Suggestion
from oversight.policy.graduation import never_alone
from oversight.trust_report import Report


@require_safe
@page
def agents(request: HttpRequest, visit: Visit) -> HttpResponse:
    part = keyset.cut(said.agents(visit.actor), "created_at", request.GET.get("after", ""))
    context = {
        "cards": said.cards(visit.actor, part.rows, now=visit.now),
        "pager": part.pager(reverse("console:agents"), request.GET),
    }
    return shell.render(request, visit, "oversight/agents.html", context)


@require_safe
@page
def agent(request: HttpRequest, visit: Visit, agent_id: UUID) -> HttpResponse:
    """One agent: each of its mailboxes with its record, and what is suggested."""
    found = said.get_agent(visit.actor, agent_id)
    part = keyset.cut(said.mailboxes_of(visit.actor, found), "created_at", request.GET.get("after", ""))
    context = {
        "agent": found,
        "reports": [_card(report) for report in trust_report.of(part.rows, now=visit.now)],
        "pager": part.pager(reverse("console:agent", args=[found.pk]), request.GET),
    }
    return shell.render(request, visit, "oversight/agent.html", context)


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def terms(request: HttpRequest, visit: Visit, mailbox_id: UUID) -> HttpResponse:
    """One mailbox: everything about its place on the ladder, and the forms that change it."""
    box = visit.actor.get_mailbox(mailbox_id)
    form = TermsForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _is_set(request, visit, box, form):
        return redirect("console:terms", mailbox_id=box.pk)
    box = visit.actor.get_mailbox(mailbox_id)
    [report] = trust_report.of([box], now=visit.now)
    context = {
        "mailbox": box,
        "report": _card(report),
        "never_alone": never_alone(rule_sets.in_force(box.pk)),
        "stricter": {"modes": said.modes(box, is_freer=False), "floors": said.floors(box, is_freer=False)},
        "freer": {"modes": said.modes(box, is_freer=True), "floors": said.floors(box, is_freer=True)},
        "may_tighten": visit.member.may_decide,
        "may_loosen": visit.member.may_manage,
        "form": shown(form),
        "proof": proof.asked(request, visit),
    }
    return shell.render(request, visit, "oversight/terms.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def suggestion(request: HttpRequest, visit: Visit, suggestion_id: UUID) -> HttpResponse:
    """What is suggested, with the answer; to let a mailbox climb takes a second step."""
    box, standing = _suggested(visit, suggestion_id)
    if standing is None:
        messages.error(request, "This is not suggested any more.")
        return redirect("console:terms", mailbox_id=box.pk)
    [report] = trust_report.of([box], now=visit.now)
    form = ProofForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        has_proved = report.is_up and visit.member.may_manage and proof.is_given(request, visit, form)
        if not form.errors:
            return _accepted(request, visit, standing, has_proved=has_proved)
    context = {
        "mailbox": box,
        "report": _card(report),
        "suggestion": standing,
        "may_accept": visit.member.may_manage if report.is_up else visit.member.may_decide,
        "may_decline": visit.member.may_manage,
        "form": shown(form),
        "proof": proof.asked(request, visit),
    }
    return shell.render(request, visit, "oversight/suggestion.html", context, status=422 if form.errors else 200)


@require_POST
@page
def decline(request: HttpRequest, visit: Visit, suggestion_id: UUID) -> HttpResponse:
    box, standing = _suggested(visit, suggestion_id)
    if standing is not None:
        try:
            suggestions.decline(visit.member, standing.pk, now=visit.now)
            messages.success(request, "Left as it is. The same is not suggested again for a while.")
        except Conflict as error:
            messages.error(request, error.sentence)
    return redirect("console:terms", mailbox_id=box.pk)


def _accepted(request: HttpRequest, visit: Visit, standing: Suggestion, *, has_proved: bool) -> HttpResponse:
    try:
        suggestions.accept(visit.member, standing.pk, has_proved=has_proved, now=visit.now)
        messages.success(request, f"It is {standing.to_mode} from now on. What waits goes on waiting.")
    except Conflict as error:
        messages.error(request, error.sentence)
    return redirect("console:terms", mailbox_id=standing.mailbox_id)


def _suggested(visit: Visit, suggestion_id: UUID) -> tuple[Mailbox, Suggestion | None]:
    """The mailbox that it is about, and what is suggested, if it still is."""
    box = suggestions.mailbox_of(visit.actor, suggestion_id)
    standing = suggestions.standing([box.pk]).get(box.pk)
    return box, standing if standing and standing.pk == suggestion_id else None


def _is_set(request: HttpRequest, visit: Visit, box: Mailbox, form: TermsForm) -> bool:
    """Whether mode and floor are as asked now; if not, the form says why."""
    asked = form.terms
    has_proved = False
    if trust.is_loosening(box, asked) and visit.member.may_manage:
        has_proved = proof.is_given(request, visit, form)
        if not has_proved:
            return False
    try:
        is_changed = trust.set_by_person(visit.member, box.pk, asked, has_proved=has_proved, now=visit.now)
    except Invalid as error:
        form.add_error("reason", f"{error.sentence} {error.fix}")
        return False
    except Conflict as error:
        form.add_error("mode", f"{error.sentence} {error.fix}")
        return False
    messages.success(request, "Changed. What waits goes on waiting." if is_changed else "It was so already.")
    return True


def _card(report: Report) -> dict[str, object]:
    """A report as the templates read it."""
    return {
        "mailbox": report.mailbox,
        "record": report.record,
        "advice": report.advice,
        "suggestion": report.suggestion,
        "is_up": report.is_up,
        "demotions": report.demotions,
        "sentences": said.sentences(report.record),
        "bar": said.bar(report.record.numbers),
        "rate": said.rate(report.record),
    }
