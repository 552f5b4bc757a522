"""What a version of rules would have made of the mail of the last days: the same function over the facts of then.

It is asked here and made by workers (`back_test_runs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from mailboxes.errors import Conflict, Invalid, NotFound
from mailboxes.ids import parse_id
from mailboxes.principals import Principal
from messaging import wakeup
from messaging.models import Direction, Message, Status

from . import facts, rule_sets
from .models import BackTest, Evaluation, RuleSet, RuleSetVersion
from .policy.evaluate import evaluate
from .policy.rules import RuleSet as Rules
from .policy.rules import needed
from .policy.types import Facts, Outcome, Risk, Verdict

RUN_BACK_TESTS = "oversight.run_back_tests"
TOLD = 1000
InForce = Mapping[UUID | None, Rules]


@dataclass(frozen=True, slots=True)
class Becomes:
    """What becomes of a message by some rules: a verdict without its words and its trace."""

    outcome: Outcome
    code: str
    lane: str
    people: int
    risk: Risk

    @classmethod
    def of(cls, verdict: Verdict) -> Becomes:
        return cls(verdict.outcome, verdict.code, verdict.lane, verdict.people, verdict.risk)

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Becomes:
        return cls(**{**kept, "outcome": Outcome(kept["outcome"]), "risk": Risk(kept["risk"])})

    @property
    def effect(self) -> tuple[object, ...]:
        """That in which two must differ to be a change: another reason for the same is none."""
        return self.outcome, self.lane, self.people, self.risk


@dataclass(frozen=True, slots=True)
class Change:
    """A message of which something else would become: another outcome, lane, risk or number of people.

    `was_rejected`: a person had rejected it.
    """

    message_id: UUID
    mailbox_id: UUID
    created_at: datetime
    was_rejected: bool
    before: Becomes
    after: Becomes

    def as_json(self) -> dict[str, Any]:
        own = {"message_id": str(self.message_id), "mailbox_id": str(self.mailbox_id)}
        return asdict(self) | own | {"created_at": self.created_at.isoformat()}


def ask(actor: Principal, place: object, number: object, *, days: int | None, now: datetime) -> BackTest:
    """Have what was sent in the last `days` judged by the rules in force, and again with this version in their place.

    The rules in force are those of now, the facts those of then. Nothing but that it was asked is written of it. For
    members who may change rules. What is under way already is that again; another one of the account waits (Conflict).
    """
    member = rule_sets.require_manager(actor)
    version = rule_sets.get_version(rule_sets.get(actor, place), number)
    asked = BackTest(
        account=actor.account,
        rule_set=version.rule_set,
        number=version.number,
        days=_checked(days),
        in_force=[one.id for one in rule_sets.live_of_account(actor.account.pk).values()],
        asked_at=now,
        asked_by=member,
        by=actor.identity,
    )
    found = mail_of(asked)[: settings.BACKTEST_MESSAGES + 1].count()
    asked.total, asked.is_whole = min(found, settings.BACKTEST_MESSAGES), found <= settings.BACKTEST_MESSAGES
    BackTest.objects.bulk_create([asked], ignore_conflicts=True)
    theirs = BackTest.objects.filter(Q(pk=asked.pk) | Q(finished_at=None), account=actor.account).first()
    if theirs is None or _what(theirs) != _what(asked):
        raise Conflict(
            "Another back-test of this account is under way.",
            code="back_test_running",
            fix="Ask again when it has ended.",
        )
    wakeup.ring(RUN_BACK_TESTS)
    return theirs


def get(actor: Principal, place: object, number: object, back_test_id: object) -> BackTest:
    """A back-test of that version. For members, as its rules are. Raises NotFound."""
    version = rule_sets.get_version(rule_sets.get(actor, place), number)
    parsed = parse_id(back_test_id)
    found = of_version(version).filter(pk=parsed).first() if parsed else None
    if found is None:
        raise NotFound("back-test")
    return found


def of_version(version: RuleSetVersion) -> QuerySet[BackTest]:
    """The back-tests of a version, newest first."""
    mine = BackTest.objects.filter(rule_set_id=version.rule_set_id, number=version.number)
    return mine.select_related("rule_set", "asked_by__user").order_by("-asked_at")


def mail_of(asked: BackTest) -> QuerySet[Message]:
    """What a back-test is about, newest first."""
    rule_set: RuleSet = asked.rule_set
    sent = Message.objects.filter(
        account_id=rule_set.account_id,
        direction=Direction.OUTBOUND,
        created_at__gte=since(asked),
        created_at__lte=asked.asked_at,
    ).exclude(mailbox__deleted_at__isnull=False)
    if rule_set.mailbox_id is not None:
        sent = sent.filter(mailbox_id=rule_set.mailbox_id)
    return sent.order_by("-created_at", "-pk")


def since(asked: BackTest) -> datetime:
    return asked.asked_at - timedelta(days=asked.days)


def moves(told: BackTest) -> dict[tuple[Outcome, Outcome], int]:
    """The changes found so far, counted by outcome before and after."""
    return {(Outcome(before), Outcome(after)): count for before, after, count in told.moves}


def changes(told: BackTest) -> tuple[Change, ...]:
    """The newest 1,000 of the changes found so far."""
    return tuple(_read(one) for one in told.changes)


def compare(messages: Sequence[Message], live: InForce, proposed: InForce) -> Iterator[Change]:
    """Those of the messages of which something else would become."""
    needs = needed((*live.values(), *proposed.values()))
    for message, known in zip(messages, facts_of(messages, needs), strict=True):
        before = Becomes.of(evaluate(known, _of(live, message.mailbox_id)))
        after = Becomes.of(evaluate(known, _of(proposed, message.mailbox_id)))
        if before.effect != after.effect:
            is_rejected = message.status == Status.REJECTED
            yield Change(message.pk, message.mailbox_id, message.created_at, is_rejected, before, after)


def _what(asked: BackTest) -> tuple[object, ...]:
    return asked.rule_set_id, asked.number, asked.days


def _checked(days: int | None) -> int:
    most = settings.BACKTEST_MOST_DAYS
    if days is not None and not 1 <= days <= most:
        raise Invalid(f"A back-test goes back 1 to {most} days.", code="invalid_field", fix="Ask less.", field="days")
    return days or settings.BACKTEST_DAYS


def facts_of(messages: Sequence[Message], needs: frozenset[str]) -> Iterator[Facts]:
    """The facts of then, as rules ask for them; that a message named its mode stands beside its verdict alone."""
    asked = Evaluation.objects.filter(message__in=messages, facts__is_mode_asked=True)
    named = set(asked.values_list("message_id", flat=True))
    for message, known in zip(messages, facts.gather_past(messages, needs=needs), strict=True):
        yield replace(known, is_mode_asked=message.pk in named)


def _of(in_force: InForce, mailbox_id: UUID) -> tuple[Rules, ...]:
    return tuple(in_force[place] for place in (None, mailbox_id) if place in in_force)


def _read(kept: Mapping[str, Any]) -> Change:
    return Change(
        UUID(kept["message_id"]),
        UUID(kept["mailbox_id"]),
        datetime.fromisoformat(kept["created_at"]),
        kept["was_rejected"],
        Becomes.read(kept["before"]),
        Becomes.read(kept["after"]),
    )
