"""`/agents/keys/`: the keys of an account's agents. Its members see them; owners and admins make and change them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailboxes import account_options, member_keys, second_step
from mailboxes.errors import NotFound, Problem
from mailboxes.models import Agent, ApiKey
from mailboxes.principals import of_manager
from oversight import revoked_keys
from oversight.console import entering, key_cards, keyset, shell
from oversight.console.forms import shown
from oversight.console.key_forms import AgentKeyForm, BindForm, RotateForm
from oversight.console.views import proof
from oversight.console.visit import Visit, page

# Who has more mailboxes makes a key for one of the others by the API.
MOST_OFFERED = 200
# What becomes of queued mail, by `account_options.revoked_key_mail`.
OUTCOMES = {
    "hold": "It comes before people again, and leaves once they approve it.",
    "cancel": "It is cancelled, and never leaves.",
    "keep": "It leaves all the same: the operator of this server has set it so.",
}


@sensitive_post_parameters("password", "code")
@sensitive_variables("text")
@require_http_methods(["GET", "HEAD", "POST"])
@page
def agent_keys(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The list, and for owners and admins the form of a new one; its text is shown this once."""
    agents = list(Agent.objects.filter(account=visit.member.account).order_by("created_at", "pk")[:MOST_OFFERED])
    boxes = list(visit.actor.mailboxes().order_by("full_address")[:MOST_OFFERED])
    form = AgentKeyForm(request.POST if request.method == "POST" else None, agents=agents, boxes=boxes)
    text = ""
    if request.method == "POST":
        of_manager(visit.member)
        text = _made(request, visit, form)
    is_over = request.GET.get("state") == "over"
    here, asked = reverse("console:agent_keys"), key_cards.listed(visit, is_over=is_over)
    part = keyset.cut(asked, "created_at", request.GET.get("after", ""))
    context = {
        "cards": key_cards.cards(visit, part.rows),
        "pager": part.pager(here, request.GET),
        "is_over": is_over,
        "unused_days": settings.KEY_UNUSED_DAYS,
        "secret": text,
        "agents": agents,
        "boxes": boxes,
        "chosen": set() if text else set(request.POST.getlist("mailboxes")),
        "form": {"errors": {}} if text else shown(form),
        "proof": proof.asked(request, visit),
    }
    return shell.render(request, visit, "oversight/agent_keys.html", context, status=422 if form.errors else 200)


def _made(request: HttpRequest, visit: Visit, form: AgentKeyForm) -> str:
    """The new key's text; nothing where the form must be typed again."""
    if not form.is_valid() or not proof.is_given(request, visit, form):
        return ""
    try:
        return member_keys.make(visit.member, wanted=form.wanted(), now=visit.now)[1]
    except Problem as problem:
        form.add_error("name", f"{problem.sentence} {problem.fix}".strip())
        return ""


@require_safe
@page
def agent_key(request: HttpRequest, visit: Visit, key_id: UUID) -> HttpResponse:
    """One key, with what may be done to it."""
    return _one(request, visit, member_keys.get(visit.member, key_id))


@require_POST
@page
def bind_key(request: HttpRequest, visit: Visit, key_id: UUID) -> HttpResponse:
    """Another name, end, addresses."""
    of_manager(visit.member)
    key = member_keys.get(visit.member, key_id)
    if not second_step.is_recent(request, now=visit.now):
        return _prove_first(key)
    form = BindForm(request.POST, key=key)
    if not form.is_valid():
        return _one(request, visit, key, bind=form)
    try:
        member_keys.bind(visit.member, key_id, asked=form.change(), now=visit.now)
    except NotFound:
        raise
    except Problem as problem:
        form.add_error("last_day", f"{problem.sentence} {problem.fix}".strip())
        return _one(request, visit, key, bind=form)
    messages.success(request, "Saved. What listens with this key comes again by the new terms.")
    return redirect("console:agent_key", key_id=key_id)


@sensitive_variables("text")
@require_POST
@page
def rotate_key(request: HttpRequest, visit: Visit, key_id: UUID) -> HttpResponse:
    """Another key in its place, shown this once; the old one goes on for a while."""
    of_manager(visit.member)
    key = member_keys.get(visit.member, key_id)
    if not second_step.is_recent(request, now=visit.now):
        return _prove_first(key)
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _one(request, visit, key, rotate=form)
    try:
        hours = form.cleaned_data["overlap_hours"]
        _, new, text = member_keys.rotate(visit.member, key_id, overlap_hours=hours, now=visit.now)
    except NotFound:
        raise
    except Problem as problem:
        form.add_error("overlap_hours", f"{problem.sentence} {problem.fix}".strip())
        return _one(request, visit, key, rotate=form)
    return _one(request, visit, member_keys.get(visit.member, new.pk), secret=text)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def revoke_agent_key(request: HttpRequest, visit: Visit, key_id: UUID) -> HttpResponse:
    """Asks, with what becomes of the mail that the key has queued, and revokes."""
    of_manager(visit.member)
    key = member_keys.get(visit.member, key_id)
    name = key.name or f"{key.prefix}…"
    if request.method == "POST":
        member_keys.revoke(visit.member, key_id, now=visit.now)
        messages.success(request, f"{name} is revoked. It opens nothing from now on.")
        return redirect("console:agent_keys")
    outcome = account_options.revoked_key_mail(visit.member.account)
    context = {"key": key, "queued": revoked_keys.queued(key), "outcome": OUTCOMES[outcome]}
    return shell.render(request, visit, "oversight/revoke_key.html", context)


def _prove_first(key: ApiKey) -> HttpResponse:
    return redirect(entering.proof_url(reverse("console:agent_key", args=[key.pk])))


def _one(request: HttpRequest, visit: Visit, key: ApiKey, *, secret: str = "", **forms: Form) -> HttpResponse:
    """The page of one key; `bind` and `rotate` are forms that must be typed again."""
    (card,) = key_cards.cards(visit, [key])
    bind, rotate = forms.get("bind"), forms.get("rotate")
    context: dict[str, Any] = {
        "card": card,
        "key": key,
        "secret": secret,
        "bind": shown(bind) if bind else {"errors": {}, **BindForm.of(key)},
        "rotate": shown(rotate) if rotate else {"errors": {}, "overlap_hours": settings.KEY_OVERLAP_HOURS},
        "most_hours": settings.KEY_OVERLAP_HOURS,
        "prove_url": entering.proof_url(reverse("console:agent_key", args=[key.pk])),
        "may_change": visit.member.may_manage and not card.is_over,
        "is_proven": second_step.is_recent(request, now=visit.now),
    }
    return shell.render(request, visit, "oversight/agent_key.html", context, status=422 if forms else 200)
