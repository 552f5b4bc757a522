"""Words to reviewers about what waits: by mail with a signed link, together in a digest, to a chat tool.

A sweep of its own tells them, never the transaction that held the message: nobody's send waits for a notice, and no
lock of the account's is held while the house's own mail is queued. What was told stands in `Review.notice_stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from mailboxes.errors import Problem
from mailboxes.models import Member, Role
from messaging.mime.refusals import Refused

from . import chat, notice_mail, notice_times, notice_wishes
from .models import AccountNotices, NoticeSettings, NoticeStyle, Review, ReviewState
from .submission import submit_platform

AT_ONCE = 500

log = structlog.get_logger(__name__)


class Stage(IntEnum):
    """Which notice of a review is the latest that is due. HALF, LATE: 50 % and 80 % of its time are over."""

    OPENED = 1
    HALF = 2
    LATE = 3


SHARE = {Stage.HALF: 0.5, Stage.LATE: 0.8}


@dataclass(frozen=True, slots=True)
class Reader:
    """A member who decides, with what they wish to hear."""

    member: Member
    wishes: NoticeSettings


def send_due(*, now: datetime) -> int:
    """Tell people what is due; how many mails. Any number of workers may do so at once."""
    due = Review.objects.filter(state=ReviewState.OPEN, notice_at__lte=now)
    accounts = due.order_by("account_id").values_list("account_id", flat=True).distinct()[:AT_ONCE]
    digests = NoticeSettings.objects.filter(next_mail_at__lte=now).values_list("pk", flat=True)[:AT_ONCE]
    sent = sum(_in_peace(_tell_account, account_id, now=now) for account_id in list(accounts))
    return sent + sum(_in_peace(_send_digest, member_id, now=now) for member_id in list(digests))


def readers_of(account_id: UUID) -> list[Reader]:
    """The account's people who decide and may sign in."""
    members = Member.objects.filter(account_id=account_id, user__is_active=True, user__password_set_at__isnull=False)
    found = members.exclude(role=Role.VIEWER).select_related("user", "account", "notice_settings")
    return [Reader(one, notice_wishes.of(one)) for one in found.order_by("created_at", "pk")]


def stage_of(review: Review, *, now: datetime) -> Stage:
    """The latest notice that is due."""
    return max((stage for stage in SHARE if now >= _moment(review, stage)), default=Stage.OPENED)


def _in_peace(tell: Callable[..., int], one: UUID, *, now: datetime) -> int:
    """One account's trouble must not keep the others from hearing."""
    try:
        return tell(one, now=now)
    except (Problem, Refused) as error:
        log.exception("notices.failed", about=str(one), error=str(error))
        return 0


def _tell_account(account_id: UUID, *, now: datetime) -> int:
    with transaction.atomic():
        AccountNotices.objects.get_or_create(account_id=account_id)
        plan = AccountNotices.objects.select_for_update(skip_locked=True).filter(account_id=account_id).first()
        if plan is None:
            return 0  # another worker is at it
        reviews = _due(account_id, now=now)
        stages = {review.pk: stage_of(review, now=now) for review in reviews}
        if plan.mailed_at is not None and set(stages.values()) == {Stage.OPENED}:
            rest_until = plan.mailed_at + timedelta(minutes=settings.NOTICE_EVERY_MINUTES)
            if now < rest_until:
                Review.objects.filter(pk__in=stages).update(notice_at=rest_until)
                return 0
        _note(reviews, stages)
        sent = sum(_tell_reader(reader, reviews, stages, now=now) for reader in readers_of(account_id))
        plan.mailed_at = now
        plan.save(update_fields=["mailed_at"])
    if reviews and plan.chat_url:
        chat.tell(account_id, notice_mail.chat_text(reviews, stages), now=now)
    return sent


def _due(account_id: UUID, *, now: datetime) -> list[Review]:
    due = Review.objects.filter(account_id=account_id, state=ReviewState.OPEN, notice_at__lte=now)
    locked = due.select_for_update(skip_locked=True, of=("self",))
    return list(locked.select_related("account", "message__agent", "mailbox").order_by("expires_at", "pk")[:AT_ONCE])


def _note(reviews: Sequence[Review], stages: dict[UUID, Stage]) -> None:
    for review in reviews:
        stage = stages[review.pk]
        review.notice_stage = stage
        review.notice_at = None if stage is Stage.LATE else _moment(review, Stage(stage + 1))
    Review.objects.bulk_update(reviews, ["notice_stage", "notice_at"])


def _tell_reader(reader: Reader, reviews: Sequence[Review], stages: dict[UUID, Stage], *, now: datetime) -> int:
    wishes = reader.wishes
    is_quiet = notice_times.is_quiet(wishes, now=now)
    wanted = [one for one in reviews if _wants(reader, one, stages[one.pk])]
    told = [one for one in wanted if not is_quiet or stages[one.pk] is Stage.LATE]
    if wishes.style != NoticeStyle.NONE and wishes.next_mail_at is None:
        if wishes.style == NoticeStyle.DIGEST:
            _plan_digest(wishes, notice_times.next_digest(wishes, now=now))
        elif len(told) < len(wanted):
            _plan_digest(wishes, notice_times.end_of_quiet(wishes, now=now))
    if told:
        submit_platform(notice_mail.of_reviews(reader.member, told, wishes=wishes, stages=stages), now=now)
    return 1 if told else 0


def _wants(reader: Reader, review: Review, stage: Stage) -> bool:
    if reader.wishes.style == NoticeStyle.NONE or review.message.member_id == reader.member.pk:
        return False
    if stage is Stage.OPENED:
        return reader.wishes.style == NoticeStyle.EACH
    return reader.wishes.escalates


def _plan_digest(wishes: NoticeSettings, at: datetime) -> None:
    wishes.next_mail_at = at
    wishes.save()


def _send_digest(member_id: UUID, *, now: datetime) -> int:
    with transaction.atomic():
        mine = NoticeSettings.objects.select_for_update(skip_locked=True, of=("self",)).filter(next_mail_at__lte=now)
        wishes = mine.select_related("member__user", "member__account").filter(pk=member_id).first()
        if wishes is None:
            return 0
        is_daily = wishes.style == NoticeStyle.DIGEST
        wishes.next_mail_at = notice_times.next_digest(wishes, now=now) if is_daily else None
        wishes.save(update_fields=["next_mail_at"])
        member = wishes.member
        if wishes.style == NoticeStyle.NONE or not (member.may_decide and member.user.is_active):
            return 0
        waiting = Review.objects.filter(account_id=member.account_id, state=ReviewState.OPEN)
        waiting = waiting.exclude(message__member=member).exclude(snoozed_until__gt=now)
        count = waiting[:1000].count()
        listed = waiting.select_related("account", "message__agent", "mailbox").order_by("expires_at", "pk")
        if not count:
            return 0
        first = list(listed[: notice_mail.MOST_LISTED])
        submit_platform(notice_mail.of_digest(member, first, count=count, wishes=wishes), now=now)
    return 1


def _moment(review: Review, stage: Stage) -> datetime:
    return review.opened_at + (review.expires_at - review.opened_at) * SHARE[stage]
