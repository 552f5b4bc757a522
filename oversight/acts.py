"""Dangerous acts of agents: they wait for a person's leave where the account asks for it, and are noted, so that people
are told of them (`act_notices`), where it does not.

Leave is given for one call of one key, to the letter, and for the very words in which people were told of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from mailboxes import events, leave, operator_approval
from mailboxes.errors import Conflict, Forbidden, LimitReached, NotFound
from mailboxes.leave import Call, DangerousAct, Leave, Pending, Waits
from mailboxes.models import Agent, ApiKey
from mailboxes.principals import Principal
from messaging.mime import characters

from . import permits
from .models import Permit, PermitState
from .permits import Act
from .trust import UPGRADE, WINDOW

SALT = "gatepost.act"


class Desk:
    """Asks the account's people. Registered at `mailboxes.leave`."""

    def find(self, actor: Principal, act: DangerousAct, call: Call) -> Leave | None:
        """Leave to do it, or None: a person must be asked. Raises NotFound, permits.WrongCode.

        A try at a code is counted for good before the code is looked at.
        """
        if actor.member is not None or actor.is_proven_human:
            return nullcontext
        asked = _asked(act, call)
        if not _waits(actor, act):
            return partial(_noting, actor, asked, now=call.now)
        permit = _same(actor, asked, now=call.now).filter(state=PermitState.GRANTED).first()
        if permit is None and call.code:
            permit = _try_code(actor, asked, call)
        return partial(_using, permit, now=call.now) if permit else None

    def ask(self, actor: Principal, act: DangerousAct, call: Call) -> Pending:
        """Mail a code, unless one was mailed for the same call that still waits.

        Raises Forbidden (permit_refused: a person has just said no), LimitReached (PERMITS_PER_HOUR of a key).
        """
        asked = _asked(act, call)
        with transaction.atomic():
            _line_up(actor)
            same = _same(actor, asked, now=call.now)
            permit = same.filter(state=PermitState.GRANTED).first() or _waiting(same).first()
            if permit is None:
                _check_not_refused(same)
                _check_rate(actor, now=call.now)
                life = timedelta(minutes=settings.PERMIT_MINUTES)
                permit = permits.ask_beside(actor, asked, life=life, now=call.now)
        return Pending(permit.pk, permit.expires_at)


def _waits(actor: Principal, act: DangerousAct) -> bool:
    if act.waits is Waits.BY_SETTING:
        return operator_approval.is_required(actor.account)
    return act.waits is Waits.ALWAYS


def _asked(act: DangerousAct, call: Call) -> Act:
    """Keyed, since a body may hold secrets; with the words, so that leave given for them is good for no others."""
    lines = [characters.BIDI.sub("", characters.one_line(line)) for line in act.said]
    digest = salted_hmac(SALT, events.canonical(call.content), algorithm="sha256").hexdigest()
    return Act(act.name, asked={"call": digest, "said": lines}, summary="\n".join(lines), mailbox=act.mailbox)


def _same(actor: Principal, asked: Act, *, now: datetime) -> QuerySet[Permit]:
    """What this key asked for in the same words, newest first, while there is time."""
    mine = permits.of(actor).filter(action_hash=permits.hash_of(actor, asked), expires_at__gt=now)
    return mine.order_by("-asked_at")


def _waiting(found: QuerySet[Permit]) -> QuerySet[Permit]:
    return found.filter(state=PermitState.WAITING, tries_left__gt=0)


def _try_code(actor: Principal, asked: Act, call: Call) -> Permit:
    """The permit that this code opens, not used up yet. The try is committed, whatever becomes of the act."""
    with transaction.atomic():
        permit = _waiting(_same(actor, asked, now=call.now)).select_for_update().first()
        if permit is None:
            raise NotFound("request that waits for a code")
        permit.tries_left -= 1
        permit.save(update_fields=["tries_left"])
        is_right = permits.is_right(permit, call.code)
        if not is_right and not permit.tries_left:
            permits.end(permit, PermitState.REFUSED, now=call.now, by=permits.BY_WRONG_CODES)
    if not is_right:
        raise permits.WrongCode(permit)
    return permit


@contextmanager
def _using(permit: Permit, *, now: datetime) -> Iterator[None]:
    """Use it up before the act, so that of two calls at once one does it; told after it: counters are locked last."""
    by = permit.ended_by or permits.BY_CODE
    alive = Permit.objects.filter(pk=permit.pk, state__in=permits.OPEN, expires_at__gt=now)
    if not alive.update(state=PermitState.USED, ended_at=now, ended_by=by):
        raise Conflict(
            "This leave was used or taken back a moment ago.",
            code="permit_used",
            fix="Look whether it was done before you ask again.",
        )
    yield
    permits.record(permit, "permit.used", now=now, by=by)


@contextmanager
def _noting(actor: Principal, asked: Act, *, now: datetime) -> Iterator[None]:
    """Note it for `act_notices`. Of test data nobody is told."""
    if not actor.account.is_test:
        permit = permits.draft(actor, asked, expires_at=now, now=now)
        permit.state, permit.ended_at = PermitState.DONE, now
        permit.save(force_insert=True)
    yield


def _line_up(actor: Principal) -> None:
    """The same call, sent twice at once, asks once: requests of one key come one after the other."""
    if actor.key is not None:
        ApiKey.objects.select_for_update(no_key=True).get(pk=actor.key.pk)
    elif actor.agent is not None:
        Agent.objects.select_for_update(no_key=True).get(pk=actor.agent.pk)


def _check_not_refused(same: QuerySet[Permit]) -> None:
    newest = same.filter(state=PermitState.REFUSED).first()
    if newest is not None and newest.ended_by.startswith("member:"):
        raise Forbidden(
            "A person of the account has refused exactly this.",
            code="permit_refused",
            fix="Do not ask again; tell your human what you needed it for.",
        )


def _check_rate(actor: Principal, *, now: datetime) -> None:
    lately = permits.of(actor).filter(asked_at__gt=now - WINDOW).exclude(act=UPGRADE).exclude(state=PermitState.DONE)
    asked_at = list(lately.order_by("asked_at").values_list("asked_at", flat=True))
    if len(asked_at) >= settings.PERMITS_PER_HOUR:
        wait = int((asked_at[-settings.PERMITS_PER_HOUR] + WINDOW - now).total_seconds()) + 1
        raise LimitReached(
            "People were asked for leave too often within an hour.",
            code="too_many_permits",
            fix=f"Wait {wait} seconds; what was asked before still waits.",
            headers={"Retry-After": str(wait)},
        )


leave.register(Desk())
