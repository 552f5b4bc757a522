"""The trust ladder: a mailbox climbs to a freer mode by a person's one-time code, or by a person at the console; an
agent may always tighten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from mailboxes import mailbox, standing
from mailboxes.errors import Conflict, Forbidden, Invalid, LimitReached
from mailboxes.models import Mailbox, Member, Scope
from mailboxes.modes import OversightMode, stricter
from mailboxes.principals import Principal, of_member

from . import permits
from .models import Permit
from .permits import Act, Try
from .policy import rungs

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


def begin_try(actor: Principal, mailbox_id: object, code: str, *, now: datetime) -> Try:
    """Count a try at the mailbox's code, before `apply_upgrade` and outside of its transaction; "" is no try."""
    actor.require(Scope.SEND)
    if not code.strip():
        return Try(None)
    return permits.begin_try(actor, UPGRADE, mailbox=actor.get_mailbox(mailbox_id), now=now)


def apply_upgrade(actor: Principal, mailbox_id: object, code: str, *, attempt: Try, now: datetime) -> Mailbox:
    """Set the mode that the code was mailed for, or that a person has allowed at the console.

    Raises permits.WrongCode, and NotFound where nothing waits.
    """
    actor.require(Scope.SEND)
    standing.check_not_suspended(actor.account)
    box = actor.get_mailbox(mailbox_id)
    with transaction.atomic():
        mode = _locked_mode(box)
        permit = permits.take_granted(actor, UPGRADE, mailbox=box, now=now)
        permit = permit or permits.redeem(actor, attempt, code, now=now)
        target = OversightMode(permit.target_mode)
        if permits.hash_of(actor, _upgrade(box, mode, target)) != permit.action_hash:
            raise Conflict(
                f"The mode was changed since, to {mode}; the code was for a step from before.",
                code="mode_changed",
                fix="Ask for a code again.",
            )
        mailbox.set_mode(box, target, by=f"code:{permit.pk}", now=now)
    return box


@dataclass(frozen=True, slots=True)
class NewTerms:
    """What a person wants of a mailbox: its mode, its floor (None: none), and why. `seen` is the mode that they saw."""

    mode: OversightMode
    floor: OversightMode | None
    seen: str
    reason: str = ""


def is_loosening(box: Mailbox, asked: NewTerms) -> bool:
    """Whether the mailbox would be freer than now, in its mode or its floor."""
    floor = OversightMode(box.floor) if box.floor else None
    is_floor_lower = floor is not None and (asked.floor is None or rungs.is_freer(asked.floor, floor))
    return rungs.is_freer(asked.mode, OversightMode(box.mode)) or is_floor_lower


def set_by_person(member: Member, mailbox_id: object, asked: NewTerms, *, has_proved: bool, now: datetime) -> bool:
    """Set mode and floor as a member asks; False if nothing changed. What waits goes on waiting.

    Who decides may tighten; to loosen takes an owner or admin, a reason, and that they `has_proved` by a second step
    who they are. Raises Forbidden, Conflict (mode_changed), Invalid (reason_required), NotFound.
    """
    box = of_member(member).get_mailbox(mailbox_id)
    with transaction.atomic():
        mode = _locked_mode(box)
        if str(mode) != asked.seen:
            raise Conflict(f"The mailbox is {mode} by now.", code="mode_changed", fix="Look again.")
        if is_loosening(box, asked):
            _check_loosening(member, reason=asked.reason, has_proved=has_proved)
        elif not member.may_decide:
            raise Forbidden("A viewer sets no mode.", code="may_not_decide", fix="Ask a reviewer.")
        by, reason = f"member:{member.pk}", asked.reason
        is_changed = mailbox.set_mode(box, asked.mode, by=by, reason=reason, now=now)
        return mailbox.set_floor(box, asked.floor, by=by, reason=reason, now=now) or is_changed


def _check_loosening(member: Member, *, reason: str, has_proved: bool) -> None:
    if not member.may_manage:
        raise Forbidden("Only an owner or admin lets a mailbox do more.", code="not_manager", fix="Ask one of them.")
    if not has_proved:
        raise Forbidden("Show with a second step who you are.", code="second_step_required", fix="In the console.")
    if not reason.strip():
        raise Invalid("Say why: it stands in the log.", code="reason_required", fix="A few words will do.")


def _upgrade(box: Mailbox, mode: OversightMode, target: OversightMode) -> Act:
    """The step from the present mode, in its present term: a code for it opens nothing once anybody has changed the
    mode, be it the same again by now. Of two keys' codes the second does not undo a demotion."""
    since = box.mode_since.isoformat() if box.mode_since else ""
    return Act(
        UPGRADE,
        asked={"from": str(mode), "to": str(target), "since": since},
        summary=f"let {box.full_address} go from {mode} to {target}",
        mailbox=box,
        target_mode=str(target),
    )


def _locked_mode(box: Mailbox) -> OversightMode:
    """The mode as it is now, and since when; requests for one mailbox come one after the other."""
    locked = Mailbox.objects.select_for_update(no_key=True).filter(pk=box.pk)
    box.mode, box.mode_since, box.floor = locked.values_list("mode", "mode_since", "floor").get()
    return OversightMode(box.mode)


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
