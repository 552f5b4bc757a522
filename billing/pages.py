"""Pages about money: what a member's account has and could have, and one checkout for whoever was given its address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from mailboxes import checkout_links, clock
from mailboxes.errors import Forbidden, Problem
from mailboxes.models import Account, Member
from mailboxes.principals import of_member

from . import checkouts, plans, usage, visitors
from .checkouts import Asked
from .models import Checkout, CheckoutState

Page = Callable[..., HttpResponse]


def _private(view: Page) -> Page:
    """Nobody's browser or proxy keeps it; what is refused is told on a page."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Forbidden as problem:
            response = render(request, "403.html", {"sentence": problem.sentence, "fix": problem.fix}, status=403)
        add_never_cache_headers(response)
        return response

    return wrapped


def _members_only(view: Page) -> Page:
    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        member = visitors.find_member(request.user, session=request.session)
        if member is not None:
            return view(request, member)
        if request.user.is_authenticated:
            raise Forbidden(
                "This sign-in opens no account.", fix="Sign in as a member of the account, with a password of your own."
            )
        return redirect(f"{reverse('login')}?{urlencode({'next': reverse('billing')})}")

    return wrapped


@require_safe
@_private
@_members_only
def plans_page(request: HttpRequest, member: Member) -> HttpResponse:
    """What the account has, what it uses of it, and what more there is."""
    return _show_plans(request, member)


@require_POST
@_private
@_members_only
def upgrade(request: HttpRequest, member: Member) -> HttpResponse:
    """A member who manages the account asks for a larger plan, as its agent can."""
    if not member.may_manage:
        raise Forbidden("Only an owner or admin of the account asks for a plan.", fix="Ask one of them.")
    asked = Asked(request.POST.get("plan", ""), request.POST.get("period", ""), of_member(member).identity)
    try:
        opened = checkouts.open_(member.account, asked, now=clock.now())
    except Problem as problem:
        return _show_plans(request, member, problem=problem)
    # Our own page first, also where Stripe's is next: no form of ours may lead to another site (page policy).
    return redirect("billing_checkout", checkout_links.token(opened.checkout.pk))


@require_safe
@_private
def checkout(request: HttpRequest, token: str) -> HttpResponse:
    """One checkout. Whoever has the address may look at it; an operator who is signed in may decide."""
    return _show_checkout(request, _get_checkout(token))


@require_POST
@_private
def decide(request: HttpRequest, token: str) -> HttpResponse:
    """An operator approves a checkout or declines it."""
    found = _get_checkout(token)
    operator = visitors.find_operator(request)
    if operator is None:
        raise Forbidden("Only an operator of this server decides.", fix="Sign in to the admin first.")
    act = {"approve": checkouts.approve, "decline": checkouts.decline}.get(request.POST.get("decision", ""))
    if act is None:
        return _show_checkout(request, found, status=400)
    try:
        act(found, by=f"operator:{operator.pk}", now=clock.now())
    except Problem as problem:
        return _show_checkout(request, _get_checkout(token), problem=problem, status=problem.status)
    messages.success(request, "Done.")
    return redirect("billing_checkout", token)


def _get_checkout(token: str) -> Checkout:
    pk = checkout_links.read(token)
    found = Checkout.objects.select_related("account").filter(pk=pk).first() if pk else None
    if found is None:
        raise Http404
    return found


def _show_plans(request: HttpRequest, member: Member, *, problem: Problem | None = None) -> HttpResponse:
    now, account = clock.now(), member.account
    context = {
        "member": member,
        "account": account,
        "meters": usage.meters(account, now=now),
        "cards": _cards(account),
        "waiting": _waiting(account, now=now),
        "problem": problem,
    }
    return render(request, "billing/plans.html", context, status=problem.status if problem else 200)


def _cards(account: Account) -> list[dict[str, Any]]:
    """The paid plans as they are shown; none where none is offered."""
    if not plans.are_on():
        return []
    rank = plans.rank_of(account.plan)
    return [
        {
            "plan": plan,
            "monthly": plans.money(plan.monthly),
            "annual": plans.money(plan.annual) if plan.annual else "",
            "allowances": usage.allowances(plan),
            "is_current": plan.name == account.plan,
            "is_larger": plan.rank > rank,
        }
        for plan in plans.offer().plans
    ]


def _waiting(account: Account, *, now: datetime) -> list[tuple[Checkout, str]]:
    """The account's checkouts that somebody can still complete, with their pages."""
    waiting = Checkout.objects.filter(account=account, state=CheckoutState.OPEN, expires_at__gt=now)
    return [(one, checkout_links.token(one.pk)) for one in waiting.order_by("-created_at")[:10]]


def _show_checkout(
    request: HttpRequest, found: Checkout, *, problem: Problem | None = None, status: int = 200
) -> HttpResponse:
    now = clock.now()
    plan = plans.get(found.plan)
    context = {
        "checkout": found,
        "token": checkout_links.token(found.pk),
        "price": plans.money(found.amount, found.currency),
        "allowances": usage.allowances(plan),
        "is_open": checkouts.is_open(found, now=now),
        "is_ready": checkouts.is_ready(found),
        "is_covered": checkouts.is_covered(found),
        "operator": visitors.find_operator(request),
        "problem": problem,
        "now": now,
    }
    return render(request, "billing/checkout.html", context, status=status)
