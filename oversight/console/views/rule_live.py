"""Trying a version, on one message and on the mail of the last days; putting it in force; going back to another."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from mailboxes.errors import Conflict, Invalid, NotFound, Problem
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from messaging.mime import addresses
from messaging.mime.refusals import Refused
from messaging.mime.types import Draft
from oversight import backtest, rule_sets, rule_trials
from oversight.console import rule_pages, shell
from oversight.console.forms import ProofForm, shown
from oversight.console.views import proof
from oversight.console.views.policies import SECTION, live_rules, place_of, render_version
from oversight.console.visit import Visit, page
from oversight.models import RuleSetVersion

MOST_TEXT = 100_000


@require_http_methods(["GET", "HEAD", "POST"])
@page
def try_out(request: HttpRequest, visit: Visit, place: str, number: int) -> HttpResponse:
    """What would become of one message, with every rule's word on it."""
    visit.actor.require(Scope.DECIDE)
    version = rule_sets.get_version(rule_sets.get(visit.actor, place), number)
    if request.method != "POST":
        return render_version(request, visit, version, {})
    typed = {name: request.POST.get(name, "") for name in ("message", "mailbox", "to", "subject", "text")}
    try:
        tried = _tried(visit, version, typed)
    except Refused as refused:  # an address, or a subject that no header may hold
        return render_version(request, visit, version, {"typed": typed, "try_error": refused.sentence}, status=422)
    except Problem as problem:
        wrong = f"{problem.sentence} {problem.fix}".strip()
        return render_version(request, visit, version, {"typed": typed, "try_error": wrong}, status=422)
    return render_version(request, visit, version, {"typed": typed, "tried": tried})


@require_POST
@page
def back_test(request: HttpRequest, visit: Visit, place: str, number: int) -> HttpResponse:
    """Have it tried on the mail of the last days; the page tells how far it is."""
    version = rule_sets.get_version(rule_sets.get(visit.actor, place), number)
    given = request.POST.get("days", "").strip()
    days = int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else 0
    try:
        backtest.ask(visit.actor, place, number, days=days if given else None, now=visit.now)
    except Problem as problem:
        if problem.status == 403:
            raise
        wrong = {"days_typed": given, "back_test_error": f"{problem.sentence} {problem.fix}"}
        return render_version(request, visit, version, wrong, status=422)
    return redirect(f"{reverse('console:rule_version', args=[place, number])}#back-test")


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def publish(request: HttpRequest, visit: Visit, place: str, number: int) -> HttpResponse:
    """Put a version in force: shows what changes, and asks who you are where it lets more pass."""
    return _decided(request, visit, _version(visit, place, number), is_back=False)


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def roll_back(request: HttpRequest, visit: Visit, place: str, number: int) -> HttpResponse:
    """Bring an older version's rules back."""
    return _decided(request, visit, _version(visit, place, number), is_back=True)


def _version(visit: Visit, place: str, number: int) -> RuleSetVersion:
    """A version, for those who may put it in force."""
    rule_sets.require_manager(visit.actor)
    return rule_sets.get_version(rule_sets.get(visit.actor, place), number)


def _decided(request: HttpRequest, visit: Visit, version: RuleSetVersion, *, is_back: bool) -> HttpResponse:
    place = place_of(version)
    changes = rule_pages.changes(live_rules(version.rule_set), rule_sets.parsed(version).rules)
    is_looser = any(one.change.is_looser for one in changes)
    form = ProofForm(request.POST if request.method == "POST" else None)
    conflict: Conflict | None = None
    if form.is_bound and form.is_valid() and (not is_looser or proof.is_given(request, visit, form)):
        try:
            act = rule_sets.roll_back if is_back else rule_sets.publish
            made = act(visit.actor, place.key, version.number, live=_seen(request), now=visit.now)
        except Conflict as stale:
            conflict = stale
        else:
            messages.success(request, f"Version {made.number} is in force, for every send from now on.")
            return redirect("console:rules", place=place.key)
    context = {
        "place": place,
        "version": version,
        "live": version.rule_set.live or 0,
        "is_back": is_back,
        "changes": changes,
        "is_looser": is_looser,
        **_tested(visit, version),
        "conflict": conflict,
        "form": shown(form),
        "proof": proof.asked(request, visit) if is_looser else "",
    }
    status = 409 if conflict else 422 if form.errors else 200
    return shell.render(request, visit, "oversight/rule_publish.html", context, section=SECTION, status=status)


def _tested(visit: Visit, version: RuleSetVersion) -> dict[str, Any]:
    """What the newest back-test that came to its end says, and whether it compared with what is in force now."""
    test = backtest.of_version(version).filter(finished_at__isnull=False, failure="").first()
    if test is None:
        return {"back_test": None}
    live = {one.id for one in rule_sets.live_of_account(visit.member.account_id).values()}
    return {"back_test": rule_pages.back_test(visit, test, skip=0), "is_fresh": live == set(test.in_force)}


def _seen(request: HttpRequest) -> int:
    """The version that the page told to be in force; one that never was, where nothing sensible came."""
    text = request.POST.get("live", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else -1


def _tried(visit: Visit, version: RuleSetVersion, typed: dict[str, str]) -> rule_trials.Tried:
    if typed["message"]:
        return rule_trials.of_message(typed["message"], version, actor=visit.actor)
    return rule_trials.of_draft(_draft(version, typed), version, actor=visit.actor, now=visit.now)


def _draft(version: RuleSetVersion, typed: dict[str, str]) -> Draft:
    mailbox_id = version.rule_set.mailbox_id or parse_id(typed["mailbox"])
    if mailbox_id is None:
        raise NotFound("mailbox")
    to = _addresses(typed["to"])
    if not to:
        raise Invalid("Type a recipient, or choose a message.")
    return Draft(
        mailbox_id=mailbox_id,
        to=to,
        subject=typed["subject"][:998],
        body_text=typed["text"][:MOST_TEXT] or "\n",
    )


def _addresses(text: str) -> tuple[str, ...]:
    found = text.replace(",", " ").replace(";", " ").split()
    return tuple(dict.fromkeys(addresses.canonical(one) for one in found[:50]))
