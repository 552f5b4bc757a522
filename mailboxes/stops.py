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
from django.db import models, transaction
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce, Concat, NullIf

from . import accounts, events, switch
from .errors import Forbidden, Invalid
from .models import Account, Agent, ApiKey, Mailbox, Member, Stop, StopScope
from .principals import Principal, of_member
from .stop_subjects import find_subject, may_stop

log = structlog.get_logger(__name__)

REASON_LENGTH = 200
OF_ACCOUNT = ("account.stopped", "account.resumed")
OF_SUBJECT = ("sending.stopped", "sending.resumed")
OF_EVERYTHING = ("platform.sending_stopped", "platform.sending_resumed")
RESUMED = frozenset(kinds[1] for kinds in (OF_ACCOUNT, OF_SUBJECT, OF_EVERYTHING))


@dataclass(frozen=True, slots=True)
class _Flip:
    """One flip of one thing of an account."""

    account: Account
    scope: StopScope
    subject_id: UUID
    by: str
    now: datetime

    def tell(self, stop: Stop, kind: str) -> None:
        data: dict[str, object] = {"stop_id": str(stop.pk), "scope": self.scope.value, "by": self.by}
        if kind in (OF_ACCOUNT[0], OF_SUBJECT[0]):
            data["reason"] = stop.reason
        is_mailbox = self.scope == StopScope.MAILBOX
        if self.scope != StopScope.ACCOUNT:
            data[f"{self.scope.value}_id"] = str(self.subject_id)
        mailbox_id = self.subject_id if is_mailbox else None
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
        flip.tell(made, (OF_ACCOUNT if scope == StopScope.ACCOUNT else OF_SUBJECT)[0])
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
        flip.tell(ended, (OF_ACCOUNT if scope == StopScope.ACCOUNT else OF_SUBJECT)[1])
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
        events.record(house, OF_EVERYTHING[0], subject=str(house.pk), data=data, now=now)
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
        events.record(house, OF_EVERYTHING[1], subject=str(house.pk), data=data, now=now)
        switch.flip(stopped_at=None)
    log.warning("platform.sending_resumed", by=by)
    return True


def of_everything() -> Stop | None:
    """The stop of this whole server, while there is one."""
    return Stop.objects.filter(scope=StopScope.EVERYTHING, resumed_at__isnull=True).first()


def standing(account: Account) -> QuerySet[Stop]:
    """What holds the account's mail back now, the widest first and then the newest, everything of the server included.

    Each with `label`, what it is of, and `who`.
    """
    order = Case(*[When(scope=scope, then=Value(place)) for place, scope in enumerate(StopScope.values)])
    found = Stop.objects.filter(Q(account=account) | Q(account__isnull=True), resumed_at__isnull=True)
    return labelled(found).order_by(order, "-stopped_at", "-pk")


def history(account: Account) -> QuerySet[Stop]:
    """All stops of the account, those that are over too, newest first."""
    return labelled(Stop.objects.filter(account=account)).order_by("-stopped_at", "-pk")


def labelled(found: QuerySet[Stop]) -> QuerySet[Stop]:
    """With `label` (an address, an agent's name, a key's) and `who` stopped it."""
    key = Concat(F("prefix"), Value("… "), F("name"), output_field=models.TextField())
    columns: dict[StopScope, tuple[type[models.Model], object]] = {
        StopScope.MAILBOX: (Mailbox, Cast("full_address", models.TextField())),
        StopScope.AGENT: (Agent, Cast("name", models.TextField())),
        StopScope.KEY: (ApiKey, key),
    }
    labels = [
        When(scope=scope, then=Subquery(model._default_manager.filter(pk=OuterRef("subject_id")).values(shown=column)))
        for scope, (model, column) in columns.items()
    ]
    who = Coalesce(NullIf("member__user__name", Value("")), "member__user__email", "agent__name", Value("An operator"))
    return found.annotate(label=Case(*labels, default=Value(""), output_field=models.TextField()), who=who)


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
