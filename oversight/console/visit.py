"""Who looks at a page of the console: a signed-in member who set their own password, in one account."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.dateparse import parse_datetime
from django_htmx.middleware import HtmxDetails

from mailboxes import clock
from mailboxes.errors import Forbidden, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Member, User
from mailboxes.principals import Principal, of_member

ACCOUNT = "account"  # session key: the account that a member of several has chosen
SEEN = "monitor_seen"  # session key: when the member last looked at the monitor
ZONE_COOKIE = "gatepost_zone"  # the browser's time zone, set by console.js

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Visit:
    """One look of one member at the console. Everything shown is looked up through `actor`.

    `members` are all that the user is, in every account; `seen_at` is when they last looked at the monitor.
    """

    member: Member
    actor: Principal
    now: datetime
    members: tuple[Member, ...] = ()
    seen_at: datetime | None = None


Page = Callable[Concatenate[HttpRequest, Visit, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page(view: Page[P]) -> View[P]:
    """A view for members only; nobody's browser or proxy keeps what it answers."""

    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        visit = find_visit(request.user, session=request.session)
        if visit is None:
            response: HttpResponseBase = _nobody(request)
        else:
            with timezone.override(zone_of(request)):
                response = _answer(view, request, visit, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    functools.update_wrapper(wrapped, view)
    return wrapped


def find_visit(user: User | AnonymousUser, *, session: SessionBase) -> Visit | None:
    """A signed-in user as a member: in the chosen account, else in the first one they joined. None for anybody else."""
    if not isinstance(user, User) or not user.is_active or not user.is_proven_human:
        return None
    members = tuple(memberships(user))
    wanted = parse_id(session.get(ACCOUNT))
    member = next((member for member in members if member.account_id == wanted), next(iter(members), None))
    if member is None:
        return None
    return Visit(
        member=member,
        actor=of_member(member),
        now=clock.now(),
        members=members,
        seen_at=parse_datetime(session.get(SEEN, "")),
    )


def memberships(user: User) -> QuerySet[Member]:
    """The user's members, oldest first, with what every page shows of their accounts."""
    return (
        Member.objects.filter(user=user, account__is_platform=False, account__departed_at__isnull=True)
        .select_related("user", "account", "account__event_counter")
        .order_by("created_at", "id")
    )


def is_htmx(request: HttpRequest) -> bool:
    """Whether a part of a page is asked for."""
    htmx = getattr(request, "htmx", None)
    return isinstance(htmx, HtmxDetails) and bool(htmx)


def sign_in_url(request: HttpRequest) -> str:
    """The sign-in page that leads back to the page at hand."""
    htmx = getattr(request, "htmx", None)
    here = htmx.current_url_abs_path if isinstance(htmx, HtmxDetails) and htmx else request.get_full_path()
    return f"{reverse('login')}?{urlencode({'next': here or '/'})}"


def _answer(
    view: Page[P], request: HttpRequest, visit: Visit, /, *args: P.args, **kwargs: P.kwargs
) -> HttpResponseBase:
    try:
        return view(request, visit, *args, **kwargs)
    except NotFound as error:
        raise Http404(error.sentence) from error
    except Forbidden as error:
        return render(request, "403.html", {"sentence": error.sentence, "fix": error.fix}, status=403)


def _nobody(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:  # an operator without an account, or a password that an agent knows
        return render(request, "oversight/no_account.html", {"email": request.user.email}, status=403)
    url = sign_in_url(request)
    if is_htmx(request) or request.headers.get("Accept") == "application/json":
        return HttpResponse(status=401, headers={"HX-Redirect": url})
    return HttpResponse(status=302, headers={"Location": url})


def zone_of(request: HttpRequest) -> tzinfo:
    """The browser's time zone, as far as it told."""
    name = request.COOKIES.get(ZONE_COOKIE, "")
    try:
        return zoneinfo.ZoneInfo(name) if name else timezone.get_default_timezone()
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return timezone.get_default_timezone()
