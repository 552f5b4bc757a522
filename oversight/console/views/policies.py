"""`/policies/`: the rules in force, their versions, and what one version changes, found and would do."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from messaging.models import Message
from oversight import backtest, rule_hits, rule_sets, rule_trials
from oversight.console import rule_pages, shell
from oversight.console.rule_pages import Place
from oversight.console.visit import Visit, page
from oversight.models import RuleSet, RuleSetVersion
from oversight.policy.rules import Rule

RECENT = 15
SECTION = "policies"


@require_safe
@page
def policies(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The rules of the account and of its mailboxes."""
    counted = rule_hits.of_account(visit.member.account_id, now=visit.now)
    places = rule_pages.places(visit, counted)
    context = {
        "places": places,
        "others": rule_pages.mailboxes_without(visit, places),
        "cut_at": counted.cut_at,
        "may_manage": visit.member.may_manage,
    }
    return shell.render(request, visit, "oversight/policies.html", context, section=SECTION)


@require_safe
@page
def rules(request: HttpRequest, visit: Visit, place: str) -> HttpResponse:
    """The rules of one place, and the versions that they had."""
    rule_set = rule_sets.get(visit.actor, place)
    counted = rule_hits.of_account(visit.member.account_id, now=visit.now)
    live = live_rules(rule_set)
    cards = rule_pages.cards(live, mailbox_id=rule_set.mailbox_id, counted=counted)
    versions, older = rule_pages.versions(rule_set, before=number_of(request, "before"))
    context = {
        "place": rule_pages.place_of(rule_set, cards),
        "cards": cards,
        "base": rule_set.live or 0,
        "versions": versions,
        "older": older,
        "cut_at": counted.cut_at,
        "may_manage": visit.member.may_manage,
    }
    return shell.render(request, visit, "oversight/rules.html", context, section=SECTION)


@require_safe
@page
def version(request: HttpRequest, visit: Visit, place: str, number: int) -> HttpResponse:
    """One version: its rules, what it changes, what it would have made of past mail."""
    found = rule_sets.get_version(rule_sets.get(visit.actor, place), number)
    return render_version(request, visit, found, {})


def render_version(
    request: HttpRequest, visit: Visit, found: RuleSetVersion, more: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page of a version; `more` is what an act on it left to show."""
    rule_set = found.rule_set
    own, live = rule_sets.parsed(found).rules, live_rules(rule_set)
    is_live = found.number == rule_set.live
    test = backtest.of_version(found).first()
    may_try = visit.member.may_decide
    context = {
        "place": rule_pages.place_of(rule_set),
        "version": found,
        "base": found.number,
        "is_live": is_live,
        "is_older": found.number < (rule_set.live or 0),
        "cards": rule_pages.cards(own),
        "changes": [] if is_live else rule_pages.changes(live, own),
        "back_test": rule_pages.back_test(visit, test, skip=number_of(request, "from") or 0) if test else None,
        "recent": _recent(visit, found) if may_try else [],
        "mailboxes": visit.actor.mailboxes().order_by("full_address")[: rule_pages.MOST_MAILBOXES],
        "may_manage": visit.member.may_manage,
        "may_try": may_try,
        "raw_text": json.dumps(found.rules, indent=2, ensure_ascii=False) if visit.member.may_manage else "",
        "days": settings.BACKTEST_DAYS,
        "most_days": settings.BACKTEST_MOST_DAYS,
    }
    return shell.render(request, visit, "oversight/rule_version.html", context | more, section=SECTION, status=status)


def _recent(visit: Visit, found: RuleSetVersion) -> list[Message]:
    """Mail to try a version on, without its bodies."""
    sent = rule_trials.recent(found, actor=visit.actor).select_related(None)
    return list(sent.only("subject", "to_addresses")[:RECENT])


def live_rules(rule_set: RuleSet) -> tuple[Rule, ...]:
    """The rules in force, none where no version is."""
    return rule_sets.parsed(rule_sets.get_version(rule_set, rule_set.live)).rules if rule_set.live else ()


def base_of(rule_set: RuleSet, number: int) -> RuleSetVersion:
    """The version that a change begins from; 0: no rules at all."""
    if number == 0:
        return RuleSetVersion(rule_set=rule_set, number=0, rules=[])
    return rule_sets.get_version(rule_set, number)


def number_of(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None


def place_of(found: RuleSetVersion) -> Place:
    """Whose rules a version is of."""
    return rule_pages.place_of(found.rule_set)
