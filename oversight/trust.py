"""The trust ladder: a mailbox climbs to a freer mode by a person's one-time code; an agent may always tighten."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from mailboxes import mailbox, standing
from mailboxes.errors import Conflict, Invalid, LimitReached
from mailboxes.models import Mailbox, Scope
from mailboxes.modes import OversightMode, stricter
from mailboxes.principals import Principal

from . import permits
from .models import Permit
from .permits import Act, Try

UPGRADE = "upgrade_mode"
WINDOW = timedelta(hours=1)


def request_upgrade(actor: Principal, mailbox_id: object, target: OversightMode, *, now: datetime) -> Permit:
    """Have a code mailed to the account's people with which this very key may set the freer mode.

    Raises Invalid (not_an_upgrade), LimitReached (above UPGRADE_REQUESTS_PER_HOUR for the mailbox), NotFound.
    """
    actor.require(Scope.SEND)
    standing.check_not_suspended(actor.account)
    box = actor.get_mailbox(mailbox_id)
    with transaction.atomic():
        mode = _locked_mode(box)
        if stricter(mode, target) == target:
            raise Invalid(
                f"The mailbox is {mode}; {target} is not freer than that.",
                code="not_an_upgrade",
                fix='PATCH /v1/mailboxes/{id} {"mode": …} sets a stricter mode at once, without a code.',
            )
        _check_rate(box, now=now)
        life = timedelta(hours=settings.UPGRADE_CODE_HOURS)
        return permits.ask(actor, _upgrade(box, mode, target), life=life, now=now)


def begin_try(actor: Principal, mailbox_id: object, *, now: datetime) -> Try:
    """Count a try at the mailbox's code, before `apply_upgrade` and outside of its transaction."""
    actor.require(Scope.SEND)
    return permits.begin_try(actor, UPGRADE, mailbox=actor.get_mailbox(mailbox_id), now=now)


def apply_upgrade(actor: Principal, mailbox_id: object, code: str, *, attempt: Try, now: datetime) -> Mailbox:
    """Set the mode that the code was mailed for. Raises permits.WrongCode, and NotFound where nothing waits."""
    actor.require(Scope.SEND)
    standing.check_not_suspended(actor.account)
    box = actor.get_mailbox(mailbox_id)
    with transaction.atomic():
        mode = _locked_mode(box)
        permit = permits.redeem(actor, attempt, code, now=now)
        target = OversightMode(permit.target_mode)
        if permits.hash_of(actor, _upgrade(box, mode, target)) != permit.action_hash:
            raise Conflict(
                f"The mailbox is {mode} by now, and the code was for another step.",
                code="mode_changed",
                fix="Ask for a code again.",
            )
        mailbox.set_mode(box, target, by=f"code:{permit.pk}", now=now)
    return box


def _upgrade(box: Mailbox, mode: OversightMode, target: OversightMode) -> Act:
    """The step from the present mode: a code for it opens no other, should a human change the mode meanwhile."""
    return Act(
        UPGRADE,
        asked={"from": str(mode), "to": str(target)},
        summary=f"let {box.full_address} go from {mode} to {target}",
        mailbox=box,
        target_mode=str(target),
    )


def _locked_mode(box: Mailbox) -> OversightMode:
    """The mode as it is now; requests for one mailbox come one after the other."""
    modes = Mailbox.objects.select_for_update(no_key=True).filter(pk=box.pk).values_list("mode", flat=True)
    return OversightMode(modes.get())


def _check_rate(box: Mailbox, *, now: datetime) -> None:
    lately = Permit.objects.filter(mailbox=box, act=UPGRADE, asked_at__gt=now - WINDOW).order_by("asked_at")
    asked = list(lately.values_list("asked_at", flat=True))
    if len(asked) >= settings.UPGRADE_REQUESTS_PER_HOUR:
        oldest = asked[-settings.UPGRADE_REQUESTS_PER_HOUR]
        wait = int((oldest + WINDOW - now).total_seconds()) + 1
        raise LimitReached(
            "Too many upgrades were asked for within an hour.",
            code="too_many_upgrades",
            fix=f"Wait {wait} seconds; a code that was mailed before still works.",
            headers={"Retry-After": str(wait)},
        )
