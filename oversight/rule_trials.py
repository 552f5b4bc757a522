"""A version of rules tried on one message, a stored one or one that is made up; beside it, the rules in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging.mime.types import Draft
from messaging.models import Direction, Message
from messaging.visibility import NOT_WITHHELD

from . import backtest, dry_run, facts, rule_sets, submission
from .models import RuleSetVersion
from .policy.evaluate import evaluate
from .policy.rules import RuleSet, needed
from .policy.types import Facts, Verdict


@dataclass(frozen=True, slots=True)
class Tried:
    """What becomes of a message by the rules in force, and with the version in their place."""

    before: Verdict
    after: Verdict


def of_draft(draft: Draft, version: RuleSetVersion, *, actor: Principal, now: datetime) -> Tried:
    """As if it were sent now. Raises Problem where a send would. It is noted, as every dry run is, and nothing sent."""
    actor.require(Scope.DECIDE)
    _check_place(version, draft.mailbox_id)
    with transaction.atomic():
        judged = submission.judge(draft, actor=actor, now=now)
        who = judged.sender
        proposed = _instead(who.rules, version)
        needs = needed((*who.rules, *proposed))
        known = facts.gather(judged.composed, mailbox=who.mailbox, mode=judged.facts.mode, needs=needs, now=now)
        dry_run.note(judged, actor=actor, now=now)
    return _compared(replace(known, is_mode_asked=judged.facts.is_mode_asked), who.rules, proposed)


def of_message(message_id: object, version: RuleSetVersion, *, actor: Principal) -> Tried:
    """By the facts of when it was asked to leave, as a back-test does. Raises NotFound."""
    actor.require(Scope.DECIDE)
    parsed = parse_id(message_id)
    message = recent(version, actor=actor).filter(pk=parsed).first() if parsed else None
    if message is None:
        raise NotFound("message")
    live = rule_sets.in_force(message.mailbox_id)
    proposed = _instead(live, version)
    [known] = backtest.facts_of([message], needed((*live, *proposed)))
    return _compared(known, live, proposed)


def recent(version: RuleSetVersion, *, actor: Principal) -> QuerySet[Message]:
    """What was asked to leave of the mailboxes that the version is for, newest first."""
    sent = Message.objects.filter(NOT_WITHHELD, account=actor.account, direction=Direction.OUTBOUND)
    sent = sent.filter(mailbox__in=actor.mailboxes())
    if version.rule_set.mailbox_id is not None:
        sent = sent.filter(mailbox_id=version.rule_set.mailbox_id)
    return sent.select_related("mailbox__account").order_by("-created_at", "-pk")


def _check_place(version: RuleSetVersion, mailbox_id: object) -> None:
    if version.rule_set.mailbox_id not in (None, mailbox_id):
        raise NotFound("mailbox")


def _instead(live: Sequence[RuleSet], version: RuleSetVersion) -> tuple[RuleSet, ...]:
    mine = rule_sets.parsed(version)
    return tuple(sorted((*(one for one in live if one.scope != mine.scope), mine), key=lambda one: one.scope))


def _compared(known: Facts, live: Sequence[RuleSet], proposed: Sequence[RuleSet]) -> Tried:
    return Tried(evaluate(known, live), evaluate(known, proposed))
