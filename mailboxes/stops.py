"""The kill switch: any deciding member stops, an agent may stop itself, an owner or admin resumes; an operator
does both for the whole server. What was accepted stays and waits: nothing fails, nothing is deleted.

Once a stop has returned, no attempt starts and no body begins of what it stops (`mailboxes.switch`). A body whose mark
had been committed by then (`messaging.outbound.marks`) may still be on its way to the mail server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from . import accounts, events, switch
from .errors import Forbidden, Invalid, NotFound
from .models import Account, ApiKey, Member, Stop, StopScope
from .principals import Principal, of_member
from .stop_subjects import find_subject, may_stop

log = structlog.get_logger(__name__)

REASON_LENGTH = 200
# What is recorded of a stop, and of its end.
EVENTS = {
    StopScope.EVERYTHING: ("platform.sending_stopped", "platform.sending_resumed"),
    StopScope.ACCOUNT: ("account.stopped", "account.resumed"),
    StopScope.MAILBOX: ("sending.stopped", "sending.resumed"),
    StopScope.AGENT: ("sending.stopped", "sending.resumed"),
    StopScope.KEY: ("sending.stopped", "sending.resumed"),
}
RESUMED = frozenset(ended for _, ended in EVENTS.values())


@dataclass(frozen=True, slots=True)
class _Flip:
    """One flip of one thing of an account."""

    account: Account
    scope: StopScope
    subject_id: UUID
    by: str
    now: datetime

    def tell(self, stop: Stop, *, is_over: bool) -> None:
        data: dict[str, object] = {"stop_id": str(stop.pk), "scope": self.scope.value, "by": self.by}
        if not is_over:
            data["reason"] = stop.reason
        if self.scope != StopScope.ACCOUNT:
            data[f"{self.scope.value}_id"] = str(self.subject_id)
        kind = EVENTS[self.scope][is_over]
        mailbox_id = self.subject_id if self.scope == StopScope.MAILBOX else None
        events.record(self.account, kind, subject=str(self.subject_id), data=data, now=self.now, mailbox_id=mailbox_id)


def stop(
    actor: Principal | Member,
    *,
    scope: StopScope = StopScope.ACCOUNT,
    subject_id: object = None,
    reason: str = "",
    now: datetime,
) -> Stop | None:
    """Let nothing of it leave until it is resumed; None if it was stopped already.

    Raises Forbidden for who may not, NotFound for what is not in the actor's reach.
    """
    who = of_member(actor) if isinstance(actor, Member) else actor
    _check_reason(reason)
    subject = find_subject(who, scope, subject_id)
    may_stop(who, scope, subject)
    flip = _Flip(who.account, scope, subject, who.identity, now)
    with transaction.atomic():
        switch.enter()
        if not _shut(flip, member=who.member, reason=reason):
            return None
        _active(flip).update(resumed_at=now, resumed_by="")  # left by a release that knew of no such rows
        made = Stop.objects.create(
            scope=scope,
            account=who.account,
            subject_id=subject,
            reason=reason,
            by=who.identity,
            member=who.member,
            agent=who.agent,
            stopped_at=now,
        )
        flip.tell(made, is_over=False)
        switch.move()
    return made


def resume(
    member: Member, *, scope: StopScope = StopScope.ACCOUNT, subject_id: object = None, now: datetime
) -> Stop | None:
    """Let it leave again, all that waited with it; None if it was not stopped.

    The caller has just seen the member's second step (or, where none is enrolled, the password again).
    """
    if not member.may_manage:
        raise Forbidden("Only an owner or admin may resume sending.", code="not_manager", fix="Ask one of them.")
    subject = find_subject(of_member(member), scope, subject_id, is_resumed=True)
    flip = _Flip(member.account, scope, subject, f"member:{member.pk}", now)
    with transaction.atomic():
        switch.enter()
        if not _open(flip):
            return None
        ended = _active(flip).first() or Stop(scope=scope, account=member.account, subject_id=subject)
        _active(flip).update(resumed_at=now, resumed_by=flip.by)
        flip.tell(ended, is_over=True)
        switch.move()
    return ended


def stop_everything(*, by: str, reason: str, now: datetime) -> bool:
    """Let nothing leave this server, the house's own mail included; False if it was so already. For operators.

    Waits for claims and marks that run, and holds off all others until it has committed.
    """
    _check_reason(reason)
    house = accounts.platform().account
    with transaction.atomic():
        switch.close()
        if of_everything() is not None:
            return False
        made = Stop.objects.create(scope=StopScope.EVERYTHING, reason=reason, by=by, stopped_at=now)
        data = {"stop_id": str(made.pk), "scope": made.scope, "by": by, "reason": reason}
        events.record(house, EVENTS[StopScope.EVERYTHING][0], subject=str(house.pk), data=data, now=now)
        switch.flip(stopped_at=now)
    log.warning("platform.sending_stopped", by=by, reason=reason)
    return True


def resume_everything(*, by: str, now: datetime) -> bool:
    """Let this server send again, but for what is stopped besides; False if it was not stopped. For operators."""
    house = accounts.platform().account
    with transaction.atomic():
        switch.close()
        ended = of_everything()
        if ended is None:
            return False
        Stop.objects.filter(pk=ended.pk).update(resumed_at=now, resumed_by=by)
        data = {"stop_id": str(ended.pk), "scope": ended.scope, "by": by}
        events.record(house, EVENTS[StopScope.EVERYTHING][1], subject=str(house.pk), data=data, now=now)
        switch.flip(stopped_at=None)
    log.warning("platform.sending_resumed", by=by)
    return True


def find_active(actor: Principal, *, scope: StopScope, subject_id: object = None) -> Stop:
    """The stop that holds it now. Raises NotFound if nobody stopped it, or it is not in the actor's reach."""
    subject = find_subject(actor, scope, subject_id)
    found = Stop.objects.filter(account=actor.account, subject_id=subject, resumed_at__isnull=True).first()
    if found is None:
        raise NotFound("stop")
    return found


def check_goes(key: ApiKey | None) -> None:
    """Raises Forbidden if that key is stopped: none is made by it, nor takes its place, to send in its stead."""
    if key and Stop.objects.filter(scope=StopScope.KEY, subject_id=key.pk, resumed_at__isnull=True).exists():
        raise Forbidden(
            "This key is stopped: no other key is made of it.",
            code="key_stopped",
            fix="Ask an owner or admin to resume it in the console.",
        )


def of_everything() -> Stop | None:
    """The stop of this whole server, while there is one."""
    return Stop.objects.filter(scope=StopScope.EVERYTHING, resumed_at__isnull=True).first()


def _shut(flip: _Flip, *, member: Member | None, reason: str) -> bool:
    if flip.scope != StopScope.ACCOUNT:
        return switch.shut(flip.subject_id, account=flip.account.pk)
    going = Account.objects.filter(pk=flip.account.pk, stopped_at__isnull=True)
    return bool(going.update(stopped_at=flip.now, stopped_by=member, stop_reason=reason))


def _open(flip: _Flip) -> bool:
    if flip.scope != StopScope.ACCOUNT:
        return switch.open_again(flip.subject_id, account=flip.account.pk)
    stopped = Account.objects.filter(pk=flip.account.pk, stopped_at__isnull=False)
    return bool(stopped.update(stopped_at=None, stopped_by=None, stop_reason=""))


def _active(flip: _Flip) -> QuerySet[Stop]:
    return Stop.objects.filter(account=flip.account, subject_id=flip.subject_id, resumed_at__isnull=True)


def _check_reason(reason: str) -> None:
    if len(reason) > REASON_LENGTH:
        raise Invalid(
            f"A reason has at most {REASON_LENGTH} characters.", code="reason_too_long", fix="Say it in fewer words."
        )
