"""What a version of rules would have made of the mail of the last days: the same function over the facts of then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from mailboxes import events
from mailboxes.errors import Invalid
from mailboxes.principals import Principal
from messaging.models import Direction, Message, Status

from . import facts, rule_sets
from .models import Evaluation, RuleSetVersion
from .policy.evaluate import evaluate
from .policy.rules import RuleSet, needed
from .policy.types import Facts, Outcome, Verdict

AT_ONCE = 250  # messages with their bodies in memory
TOLD = 1000
InForce = dict[UUID | None, RuleSet]


@dataclass(frozen=True, slots=True)
class Change:
    """A message of which something else would become: another outcome, lane, risk or number of people.

    `was_rejected`: a person had rejected it. The verdicts are without their traces.
    """

    message_id: UUID
    mailbox_id: UUID
    created_at: datetime
    was_rejected: bool
    before: Verdict
    after: Verdict


@dataclass(frozen=True, slots=True)
class BackTest:
    """What would change. `moves` counts changes by outcome before and after; `changes` are the newest 1,000.

    `is_whole`: there were no more messages within the time than were looked at. `rejected` of those that would leave
    without a person, a person had rejected.
    """

    version: RuleSetVersion
    since: datetime
    looked_at: int
    is_whole: bool
    changed: int
    moves: dict[tuple[Outcome, Outcome], int]
    rejected: int
    changes: tuple[Change, ...]


def run(actor: Principal, place: object, number: object, *, days: int | None, now: datetime) -> BackTest:
    """Judge what was sent in the last `days` by the rules in force, and again with this version in their place.

    The rules in force are those of now, the facts those of then. Writes nothing but that it was asked. For members who
    may change rules.
    """
    rule_sets.require_manager(actor)
    version = rule_sets.get_version(rule_sets.get(actor, place), number)
    since = now - timedelta(days=_checked(days))
    live = rule_sets.live_of_account(actor.account.pk)
    proposed = live | {version.rule_set.mailbox_id: rule_sets.parsed(version)}
    found = _newest(version, since=since)
    moves: Counter[tuple[Outcome, Outcome]] = Counter()
    changes: list[Change] = []
    rejected = 0
    for change in (change for some in _pages(found) for change in _changes(some, live, proposed)):
        moves[change.before.outcome, change.after.outcome] += 1
        rejected += change.was_rejected and change.after.outcome == Outcome.ALLOW
        if len(changes) < TOLD:
            changes.append(change)
    tested = BackTest(
        version=version,
        since=since,
        looked_at=min(len(found), settings.BACKTEST_MESSAGES),
        is_whole=len(found) <= settings.BACKTEST_MESSAGES,
        changed=moves.total(),
        moves=dict(moves),
        rejected=rejected,
        changes=tuple(changes),
    )
    _record(tested, actor=actor, now=now)
    return tested


def _checked(days: int | None) -> int:
    most = settings.BACKTEST_MOST_DAYS
    if days is not None and not 1 <= days <= most:
        raise Invalid(f"A back-test goes back 1 to {most} days.", code="invalid_field", fix="Ask less.", field="days")
    return days or settings.BACKTEST_DAYS


def _newest(version: RuleSetVersion, *, since: datetime) -> list[UUID]:
    """The ids of what is looked at, newest first, and one more where there is more."""
    rule_set = version.rule_set
    sent = Message.objects.filter(
        account_id=rule_set.account_id, direction=Direction.OUTBOUND, created_at__gte=since
    ).exclude(mailbox__deleted_at__isnull=False)
    if rule_set.mailbox_id is not None:
        sent = sent.filter(mailbox_id=rule_set.mailbox_id)
    return list(sent.order_by("-created_at", "-pk").values_list("pk", flat=True)[: settings.BACKTEST_MESSAGES + 1])


def _pages(ids: Sequence[UUID]) -> Iterator[list[Message]]:
    ids = ids[: settings.BACKTEST_MESSAGES]
    for begin in range(0, len(ids), AT_ONCE):
        some = Message.objects.filter(pk__in=ids[begin : begin + AT_ONCE]).select_related("mailbox__account")
        yield list(some.order_by("-created_at", "-pk"))


def _changes(messages: Sequence[Message], live: InForce, proposed: InForce) -> Iterator[Change]:
    needs = needed((*live.values(), *proposed.values()))
    for message, known in zip(messages, _facts(messages, needs), strict=True):
        before = evaluate(known, _of(live, message.mailbox_id))
        after = evaluate(known, _of(proposed, message.mailbox_id))
        if _what_becomes(before) != _what_becomes(after):
            yield Change(
                message.pk,
                message.mailbox_id,
                message.created_at,
                message.status == Status.REJECTED,
                replace(before, trace=()),
                replace(after, trace=()),
            )


def _facts(messages: Sequence[Message], needs: frozenset[str]) -> Iterator[Facts]:
    """The facts of then; that a message named its mode stands beside its verdict alone."""
    asked = Evaluation.objects.filter(message__in=messages, facts__is_mode_asked=True)
    named = set(asked.values_list("message_id", flat=True))
    for message, known in zip(messages, facts.gather_past(messages, needs=needs), strict=True):
        yield replace(known, is_mode_asked=message.pk in named)


def _of(in_force: InForce, mailbox_id: UUID) -> tuple[RuleSet, ...]:
    return tuple(in_force[place] for place in (None, mailbox_id) if place in in_force)


def _what_becomes(verdict: Verdict) -> tuple[object, ...]:
    return verdict.outcome, verdict.lane, verdict.people, verdict.risk


def _record(tested: BackTest, *, actor: Principal, now: datetime) -> None:
    rule_set = tested.version.rule_set
    data = {
        "rule_set_id": str(rule_set.pk),
        "version": tested.version.number,
        "looked_at": tested.looked_at,
        "changed": tested.changed,
        "by": actor.identity,
    }
    events.record(
        rule_set.account_id,
        "policy.back_tested",
        subject=str(rule_set.pk),
        data=data,
        now=now,
        mailbox_id=rule_set.mailbox_id,
    )
