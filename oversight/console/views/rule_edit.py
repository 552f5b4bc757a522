"""Changing rules: each change is a new version, proposed from the one that was looked at."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from mailboxes.errors import Invalid
from oversight import rule_sets
from oversight.console import rule_forms, shell
from oversight.console.rule_fields import KIND_NAMES
from oversight.console.rule_forms import RuleForm
from oversight.console.views.policies import SECTION, base_of, place_of, render_version
from oversight.console.visit import Visit, page
from oversight.models import RuleSetVersion
from oversight.policy import composing, sentences
from oversight.policy import rules as policy_rules
from oversight.policy.templates import TEMPLATES
from oversight.rule_sets import Proposed

NOTE_LENGTH = 500


@require_http_methods(["GET", "HEAD", "POST"])
@page
def add(request: HttpRequest, visit: Visit, place: str, number: int) -> HttpResponse:
    """Choose what to begin with, then fill it in."""
    base = _base(visit, place, number)
    at_end = len(base.rules) + 1
    if request.method == "POST":
        form = RuleForm.of_post(request.POST)
        rule_id = composing.new_id(form.plain["name"], base.rules)
        return _typed(request, visit, base, form, rule_id=rule_id)
    template = next((one for one in TEMPLATES if one.id == request.GET.get("template")), None)
    if template is not None:
        return _drawn(request, visit, base, RuleForm.of_rule(template.rule, place=at_end))
    if request.GET.get("kind") in KIND_NAMES:
        form = rule_forms.empty(place=at_end)
        form.add(request.GET["kind"])
        return _drawn(request, visit, base, form)
    context = {"place": place_of(base), "base": number, "kinds": KIND_NAMES.items(), "templates": _templates()}
    return shell.render(request, visit, "oversight/rule_add.html", context, section=SECTION)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def edit(request: HttpRequest, visit: Visit, place: str, number: int, rule_id: str) -> HttpResponse:
    base = _base(visit, place, number)
    rule = _rule(base, rule_id)
    if request.method == "POST":
        return _typed(request, visit, base, RuleForm.of_post(request.POST), rule_id=rule_id)
    form = RuleForm.of_rule(rule, place=base.rules.index(rule) + 1)
    return _drawn(request, visit, base, form, rule_id=rule_id)


@require_POST
@page
def remove(request: HttpRequest, visit: Visit, place: str, number: int, rule_id: str) -> HttpResponse:
    base = _base(visit, place, number)
    rule = _rule(base, rule_id)
    left = composing.without(base.rules, rule_id)
    return _proposed(request, visit, base, Proposed(left, f"“{rule['name']}” taken out."))


@require_POST
@page
def raw(request: HttpRequest, visit: Visit, place: str, number: int) -> HttpResponse:
    """The whole set as JSON, for those who prefer that."""
    base, text = _base(visit, place, number), request.POST.get("rules", "")
    note = request.POST.get("note", "").strip()[:NOTE_LENGTH]
    try:
        given = json.loads(text)
        rule_sets.read(given)
    except (ValueError, RecursionError) as error:
        return _raw_again(request, visit, base, text, wrong=f"This is no JSON: {error}.")
    except Invalid as wrong:
        rule = f" (rule {wrong.extra['rule']})" if wrong.extra.get("rule") else ""
        return _raw_again(request, visit, base, text, wrong=f"{wrong.sentence}{rule}")
    return _proposed(request, visit, base, Proposed(given, note))


def _base(visit: Visit, place: str, number: int) -> RuleSetVersion:
    """What the change begins from. Only for those who may change rules."""
    rule_sets.require_manager(visit.actor)
    return base_of(rule_sets.get(visit.actor, place), number)


def _rule(base: RuleSetVersion, rule_id: str) -> dict[str, Any]:
    rule = composing.find(base.rules, rule_id)
    if rule is None:
        raise Http404("There is no such rule in this version.")
    return rule


def _typed(request: HttpRequest, visit: Visit, base: RuleSetVersion, form: RuleForm, *, rule_id: str) -> HttpResponse:
    is_known = composing.find(base.rules, rule_id) is not None
    if "add" in request.POST or "remove" in request.POST:
        form.add(request.POST.get("kind", "")) if "add" in request.POST else form.remove(request.POST["remove"])
        return _drawn(request, visit, base, form, rule_id=rule_id if is_known else "")
    rules = composing.put(base.rules, form.rule(rule_id), place=form.place)
    at = next(place for place, rule in enumerate(rules) if rule["id"] == rule_id)
    try:
        rule_sets.read(rules)
    except Invalid as wrong:
        form.take(wrong, at=at)
        return _drawn(request, visit, base, form, rule_id=rule_id if is_known else "")
    done = "changed" if is_known else "added"
    note = form.plain["note"][:NOTE_LENGTH] or f"“{form.plain['name']}” {done}."
    return _proposed(request, visit, base, Proposed(rules, note))


def _drawn(
    request: HttpRequest, visit: Visit, base: RuleSetVersion, form: RuleForm, *, rule_id: str = ""
) -> HttpResponse:
    context = {
        "place": place_of(base),
        "base": base.number,
        "rule_id": rule_id,
        "form": form,
        "kinds": KIND_NAMES.items(),
        "thens": rule_forms.THENS,
        "risks": rule_forms.RISKS,
        "states": rule_forms.STATES,
        "people": rule_forms.people(),
    }
    status = 422 if form.errors else 200
    return shell.render(request, visit, "oversight/rule_form.html", context, section=SECTION, status=status)


def _raw_again(request: HttpRequest, visit: Visit, base: RuleSetVersion, text: str, *, wrong: str) -> HttpResponse:
    return render_version(request, visit, base, {"raw": text, "raw_error": wrong}, status=422)


def _proposed(request: HttpRequest, visit: Visit, base: RuleSetVersion, asked: Proposed) -> HttpResponse:
    place = str(base.rule_set.mailbox_id or rule_sets.ACCOUNT)
    made = rule_sets.propose(visit.actor, place, asked, now=visit.now)
    messages.success(request, f"Version {made.number} is proposed. It judges nothing until somebody puts it in force.")
    return redirect("console:rule_version", place=place, number=made.number)


def _templates() -> list[dict[str, Any]]:
    read = policy_rules.read([one.rule for one in TEMPLATES])
    return [
        {"template": one, "name": rule.name, "sentence": sentences.sentence(rule)}
        for one, rule in zip(TEMPLATES, read, strict=True)
    ]
