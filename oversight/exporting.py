"""Reviews and verdicts in an account's archive: those of mail that agents may know of.

An agent's key fetches the archive, so verdicts are told without facts and trace, and rules not at all: whoever knows
the thresholds and lists knows how to stay below them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from mailboxes.export import Table, accompany, columns, register
from mailboxes.models import Account
from messaging.models import Direction, Message

from .models import (
    AccountNotices,
    Batch,
    BatchItem,
    Decision,
    Demotion,
    Desk,
    Edit,
    Evaluation,
    NoticeSettings,
    Permit,
    Review,
    Viewing,
)

FOR_MEMBERS = frozenset({"facts", "trace", "rule_sets"})


def _reviews(account: Account) -> Iterable[QuerySet[Review]]:
    yield Review.objects.filter(
        account=account, mailbox__deleted_at__isnull=True, message__direction=Direction.OUTBOUND
    )


def _decisions(reviews: Sequence[Review]) -> Mapping[UUID, Mapping[str, object]]:
    told: dict[UUID, dict[str, list[Any]]] = {review.pk: {"decisions": []} for review in reviews}
    for decision in Decision.objects.filter(review__in=reviews).order_by("version"):
        told[decision.review_id]["decisions"].append(columns(decision))
    return told


def _edits(reviews: Sequence[Review]) -> Mapping[UUID, Mapping[str, object]]:
    told: dict[UUID, dict[str, list[Any]]] = {review.pk: {"edits": []} for review in reviews}
    for edit in Edit.objects.filter(review__in=reviews).order_by("version", "field"):
        told[edit.review_id]["edits"].append(columns(edit))
    return told


def _evaluations(messages: Sequence[Message]) -> Mapping[UUID, Mapping[str, object]]:
    told: dict[UUID, dict[str, list[Any]]] = {message.pk: {"evaluations": []} for message in messages}
    for evaluation in Evaluation.objects.filter(message__in=messages).order_by("evaluated_at"):
        told[evaluation.message_id]["evaluations"].append(columns(evaluation, leave_out=FOR_MEMBERS))
    return told


def _viewings(reviews: Sequence[Review]) -> Mapping[UUID, Mapping[str, object]]:
    """Who opened them, and what was decided of them with many others."""
    told: dict[UUID, dict[str, list[Any]]] = {review.pk: {"viewings": [], "batch_items": []} for review in reviews}
    for viewing in Viewing.objects.filter(review__in=reviews).order_by("opened_at"):
        told[viewing.review_id]["viewings"].append(columns(viewing))
    for item in BatchItem.objects.filter(review__in=reviews).order_by("pk"):
        told[item.review_id]["batch_items"].append(columns(item))
    return told


def _permits(account: Account) -> Iterable[QuerySet[Permit]]:
    yield Permit.objects.filter(account=account)


def _demotions(account: Account) -> Iterable[QuerySet[Demotion]]:
    yield Demotion.objects.filter(account=account, mailbox__deleted_at__isnull=True)


def _wishes(account: Account) -> Iterable[QuerySet[NoticeSettings]]:
    yield NoticeSettings.objects.filter(member__account=account)


register(
    Table("reviews", _reviews, along=[_decisions, _edits, _viewings]),
    Table("batches", lambda account: [Batch.objects.filter(account=account)]),
    Table("queue_settings", lambda account: [Desk.objects.filter(account=account)]),
    Table("demotions", _demotions),
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
