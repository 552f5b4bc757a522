"""What stands on every page: counts, the stop banner, approvals that can still be undone, the place in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import Exists, F, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as render_template

from mailboxes import stop_labels
from mailboxes.models import Account, Epoch, StopScope, Switch
from oversight import monitoring, permits, reviews
from oversight.counting import Counted
from oversight.models import DecisionKind, ReviewState

from .visit import Visit

MOST_UNDOABLES = 5
# Tags of messages: the next item was opened; the undo tray shows it.
NEXT, IN_TRAY = "next", "in-tray"


@dataclass(frozen=True, slots=True)
class Stopped:
    """Who stopped what, when and why. `what` is empty for all sending: of the account, or of the server."""

    id: UUID
    scope: str
    subject_id: UUID | None
    what: str
    by: str
    at: datetime
    reason: str

    @property
    def is_ours(self) -> bool:
        return self.scope != StopScope.EVERYTHING


@dataclass(frozen=True, slots=True)
class Undoable:
    """An approval of this member whose mail has not left."""

    id: UUID
    version: int
    subject: str
    release_at: datetime


@dataclass(frozen=True, slots=True)
class Shell:
    """Context variable `shell` of base.html. Since `halted_at` nothing leaves, of any account (`mailboxes.epoch`)."""

    visit: Visit
    pending_count: int
    unseen_count: int
    permits_count: int = 0
    halted_at: datetime | None = None
    stopped: list[Stopped] = field(default_factory=list)
    undoables: list[Undoable] = field(default_factory=list)
    keys: str = "all"

    @property
    def cursor(self) -> int:
        return self.visit.member.account.event_counter.last_seq

    @property
    def user_name(self) -> str:
        return self.visit.member.user.name or self.visit.member.user.email

    @property
    def user_email(self) -> str:
        return self.visit.member.user.email

    @property
    def account_id(self) -> UUID:
        return self.visit.member.account_id

    @property
    def is_test(self) -> bool:
        return self.visit.member.account.is_test

    @property
    def account_name(self) -> str:
        return self.visit.member.account.name or self.visit.member.account.slug

    @property
    def accounts(self) -> list[Account]:
        """All accounts of a user who has several."""
        members = self.visit.members
        return [member.account for member in members] if len(members) > 1 else []

    @property
    def may_stop(self) -> bool:
        return self.visit.member.may_decide


def render(
    request: HttpRequest,
    visit: Visit,
    template: str,
    context: Mapping[str, Any],
    *,
    section: str = "",
    status: int = 200,
) -> HttpResponse:
    """A page of the console with everything around it. Says what the last act left to say."""
    around = {"section": section, "now": visit.now} | said(request, context) | dict(context)
    if "shell" not in around:
        around["shell"] = of(visit)
    return render_template(request, template, around, status=status)


def said(request: HttpRequest, context: Mapping[str, Any]) -> dict[str, str]:
    """What the last act left to say: to everybody, and where the eye has the undo tray, to screen readers alone."""
    left = list(messages.get_messages(request))
    announced = [str(message) for message in left]
    if "review" in context and any(NEXT in message.tags for message in left):
        announced.append(f"Next: {context['review'].subject}")
    shown = [str(message) for message in left if IN_TRAY not in message.tags]
    return {"said": " ".join(shown), "announce": " ".join(announced)}


def of(visit: Visit) -> Shell:
    """The shell around a page of this visit."""
    pending_count, unseen_count, permits_count, halted_at, is_server_stopped = (
        Account.objects.filter(pk=visit.member.account_id)
        .values_list(
            Counted(reviews.pending(visit.actor, now=visit.now)),
            Counted(monitoring.unseen(visit.actor, seen_at=visit.seen_at, now=visit.now)),
            Counted(permits.waiting(visit.member.account_id, now=visit.now)),
            Subquery(Epoch.objects.values("halted_at")[:1]),
            Exists(Switch.objects.filter(stopped_at__isnull=False)),
        )
        .get()
    )
    return Shell(
        visit=visit,
        pending_count=pending_count,
        unseen_count=unseen_count,
        permits_count=permits_count,
        halted_at=halted_at,
        stopped=stopped_of(visit.member.account) if is_server_stopped or is_stopped(visit.member.account) else [],
        undoables=undoables(visit),
    )


def undoables(visit: Visit) -> list[Undoable]:
    """The member's own approvals that can still be taken back, newest first."""
    mine = reviews.visible(visit.actor).filter(
        state=ReviewState.APPROVED,
        release_at__gt=visit.now,
        decided_at__gt=visit.now - timedelta(seconds=settings.UNDO_SECONDS + 60),  # for the index by decided_at
        decisions__member=visit.member,
        decisions__kind=DecisionKind.APPROVE,
        decisions__version=F("version") - 1,
    )
    found = mine.order_by("-decided_at").values_list("id", "version", "message__subject", "release_at")
    return [
        Undoable(pk, version, subject, release_at)
        for pk, version, subject, release_at in found[:MOST_UNDOABLES]
        if release_at
    ]


def is_stopped(account: Account) -> bool:
    """Whether anything of the account is stopped, as far as its row says."""
    return account.stopped_at is not None or bool(account.stopped_subjects)


def stopped_of(account: Account) -> list[Stopped]:
    """What the banner says: all that holds the account's mail back now, the widest first."""
    return [
        Stopped(
            id=told.stop.pk,
            scope=told.stop.scope,
            subject_id=told.stop.subject_id,
            what=told.label,
            by=told.who,
            at=told.stop.stopped_at,
            reason=told.stop.reason,
        )
        for told in stop_labels.labelled(stop_labels.standing(account))
    ]
