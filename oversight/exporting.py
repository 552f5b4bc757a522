"""Reviews and verdicts in an account's archive: those of mail that agents may know of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from mailboxes.export import Table, accompany, columns, register
from mailboxes.models import Account
from messaging.models import Direction, Message

from .models import AccountNotices, Decision, Evaluation, NoticeSettings, Permit, Review


def _reviews(account: Account) -> Iterable[QuerySet[Review]]:
    yield Review.objects.filter(
        account=account, mailbox__deleted_at__isnull=True, message__direction=Direction.OUTBOUND
    )


def _decisions(reviews: Sequence[Review]) -> Mapping[UUID, Mapping[str, object]]:
    told: dict[UUID, dict[str, list[Any]]] = {review.pk: {"decisions": []} for review in reviews}
    for decision in Decision.objects.filter(review__in=reviews).order_by("version"):
        told[decision.review_id]["decisions"].append(columns(decision))
    return told


def _evaluations(messages: Sequence[Message]) -> Mapping[UUID, Mapping[str, object]]:
    told: dict[UUID, dict[str, list[Any]]] = {message.pk: {"evaluations": []} for message in messages}
    for evaluation in Evaluation.objects.filter(message__in=messages).order_by("evaluated_at"):
        told[evaluation.message_id]["evaluations"].append(columns(evaluation))
    return told


def _permits(account: Account) -> Iterable[QuerySet[Permit]]:
    yield Permit.objects.filter(account=account)


def _wishes(account: Account) -> Iterable[QuerySet[NoticeSettings]]:
    yield NoticeSettings.objects.filter(member__account=account)


register(
    Table("reviews", _reviews, along=[_decisions]),
    Table("permits", _permits, leave_out=frozenset({"digest", "action_hash"})),
    Table("notice_settings", _wishes),
    # Whoever has the address of a chat tool writes there: it is a credential.
    Table(
        "account_notices",
        lambda account: [AccountNotices.objects.filter(account=account)],
        leave_out=frozenset({"chat_url"}),
    ),
)
accompany("messages", _evaluations)
