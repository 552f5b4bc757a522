"""Recent proof of who sits there: a code where the person has a second factor, else the password typed again.

It is remembered in the session, so it dies with it, and counts for SECOND_STEP_MINUTES.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from . import second_factor
from .errors import Forbidden, LimitReached
from .models import User

PROOF = "second_step"  # session key
PASSWORD, CODE = "password", "code"  # what was shown


class WrongPassword(Forbidden):
    """Not this person's password."""

    def __init__(self) -> None:
        super().__init__("This is not your password.", code="wrong_password", fix="Check it; capitals count.")


def is_enrolled(user: User) -> bool:
    """Whether a code is asked for, not the password."""
    return second_factor.is_enrolled(user)


def proven_at(request: HttpRequest) -> datetime | None:
    """When the person of this session last proved who they are, by what is asked of them today; None: never."""
    user, proof = request.user, request.session.get(PROOF)
    if not isinstance(user, User) or not isinstance(proof, dict) or proof.get("user") != str(user.pk):
        return None
    # A password that was typed before the second factor came is no code.
    return parse_datetime(str(proof.get("at"))) if proof.get("by") == _asked_of(user) else None


def is_recent(request: HttpRequest, *, now: datetime) -> bool:
    """Whether the proof is fresh enough for an act that a borrowed screen must not do."""
    at = proven_at(request)
    return at is not None and timedelta() <= now - at <= timedelta(minutes=settings.SECOND_STEP_MINUTES)


def prove(request: HttpRequest, *, user: User, code_or_password: str, now: datetime) -> None:
    """Check what the person of this session typed and remember it there. Guessing is locked out.

    Raises WrongCode or WrongPassword (403), LimitReached with the time (429).
    """
    if is_enrolled(user):
        second_factor.check_code(user, code_or_password, now=now)
    else:
        check_password(request, user=user, password=code_or_password, now=now)
    remember(request, user=user, now=now)


def remember(request: HttpRequest, *, user: User, now: datetime) -> None:
    """Note that the person has just shown what is asked of them."""
    request.session[PROOF] = {"user": str(user.pk), "by": _asked_of(user), "at": now.isoformat()}


def check_password(request: HttpRequest, *, user: User, password: str, now: datetime) -> None:
    """Raises WrongPassword, or LimitReached after too many."""
    found = authenticate(request, username=user.email, password=password)
    if found is not None and found.pk == user.pk:
        return
    if until := locked_until(request, now=now):
        raise LimitReached("Too many wrong passwords.", code="too_many_passwords", fix=f"Try again after {until}.")
    raise WrongPassword()


def locked_until(request: HttpRequest, *, now: datetime) -> str:
    """When the next password is looked at, after too many wrong ones; empty when none is locked."""
    if not getattr(request, "axes_locked_out", False):
        return ""
    # We say it ourselves; the middleware would put its own plain page in the place of ours.
    request.axes_locked_out = False  # type: ignore[attr-defined]
    cool_off = get_cool_off(request) or timedelta()
    return date_format(now + cool_off, "H:i e")


def _asked_of(user: User) -> str:
    return CODE if is_enrolled(user) else PASSWORD
