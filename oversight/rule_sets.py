"""Rule sets: versions that stand for good, which of them is in force, and who may change that."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from mailboxes import events, statements
from mailboxes.errors import Conflict, Forbidden, Invalid, NotFound
from mailboxes.models import Mailbox, Member, Scope
from mailboxes.principals import Principal

from .models import RuleSet, RuleSetVersion
from .policy import rules as policy_rules
from .policy.reading import Malformed
from .policy.rules import Rule
from .policy.types import Outcome
from .policy.types import Scope as RuleScope

log = structlog.get_logger(__name__)

ACCOUNT = "account"  # names the account's own rule set where others are named by their mailbox
MOST_CHARACTERS = 200_000
# The live versions of one mailbox, account first: a subquery for statements that know `a` and `b`. Their content goes
# along as text, and is read once per process: a version never changes.
IN_FORCE = """
    SELECT json_agg(json_build_array(v.id, s.mailbox_id, v.number, v.rules::text) ORDER BY s.mailbox_id NULLS FIRST)
    FROM oversight_ruleset s JOIN oversight_rulesetversion v ON v.rule_set_id = s.id AND v.number = s.live
    WHERE s.account_id = a.id AND (s.mailbox_id IS NULL OR s.mailbox_id = b.id)
"""
_READ = f"""
SELECT ({IN_FORCE}) FROM mailboxes_mailbox b JOIN mailboxes_account a ON a.id = b.account_id WHERE b.id = %(mailbox)s
"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Proposed:
    """What is asked of a new version: its rules as JSON, and why."""

    rules: object
    note: str = ""


def in_force(mailbox_id: UUID) -> tuple[policy_rules.RuleSet, ...]:
    """The live rule sets that judge what this mailbox sends: the account's and its own."""
    ((found,),) = statements.run(_READ, {"mailbox": mailbox_id})
    return of_rows(found)


def of_rows(rows: list[list[Any]] | None) -> tuple[policy_rules.RuleSet, ...]:
    """The rule sets of what IN_FORCE gives."""
    return tuple(
        _parsed(str(pk), RuleScope.MAILBOX if mailbox else RuleScope.ACCOUNT, number, text)
        for pk, mailbox, number, text in rows or ()
    )


def parsed(version: RuleSetVersion) -> policy_rules.RuleSet:
    """A version as the policy reads it."""
    scope = RuleScope.MAILBOX if version.rule_set.mailbox_id else RuleScope.ACCOUNT
    return _parsed(str(version.pk), scope, version.number, json.dumps(version.rules))


def live_of_account(account_id: UUID) -> dict[UUID | None, policy_rules.RuleSet]:
    """The live versions of an account by mailbox, None for the account's own."""
    return _by_mailbox(RuleSetVersion.objects.filter(rule_set__account_id=account_id, number=F("rule_set__live")))


def live_of(some: Iterable[RuleSet]) -> dict[UUID | None, policy_rules.RuleSet]:
    """The live versions of these rule sets, by mailbox."""
    return _by_mailbox(RuleSetVersion.objects.filter(rule_set__in=list(some), number=F("rule_set__live")))


def of_versions(ids: Iterable[str]) -> dict[UUID | None, policy_rules.RuleSet]:
    """These versions, one of a rule set, by mailbox."""
    return _by_mailbox(RuleSetVersion.objects.filter(pk__in=list(ids)))


def get(actor: Principal, place: object) -> RuleSet:
    """The rule set of the account or of one of its mailboxes; not stored yet where there never was a version.

    Members only: whoever knows the thresholds and lists knows how to stay below them. Raises Forbidden, NotFound.
    """
    if actor.member is None:
        raise Forbidden(
            "Only members of the account read its rules.",
            code="members_only",
            fix="POST /v1/policy/evaluate tells an agent what they make of a message.",
        )
    actor.require(Scope.READ)
    mailbox = None if place == ACCOUNT else actor.get_mailbox(place)
    found = RuleSet.objects.filter(account=actor.account, mailbox=mailbox).select_related("mailbox", "live_by__user")
    return found.first() or RuleSet(account=actor.account, mailbox=mailbox)


def get_version(rule_set: RuleSet, number: object) -> RuleSetVersion:
    """One version. Raises NotFound for a number that there is not."""
    text = str(number)
    is_number = text.isascii() and text.isdigit() and len(text) < 9
    versions = RuleSetVersion.objects.filter(rule_set=rule_set).select_related("made_by__user", "rule_set")
    version = versions.filter(number=int(text)).first() if is_number and not rule_set._state.adding else None
    if version is None:
        raise NotFound("version")
    return version


def read(given: object) -> tuple[Rule, ...]:
    """Rules from their JSON. Raises Invalid `invalid_rules`, which names the rule and the field."""
    try:
        if isinstance(given, list) and len(json.dumps(given)) > MOST_CHARACTERS:
            raise Malformed(f"A rule set has at most {MOST_CHARACTERS} characters.", rule="rules", field="rules")
        return policy_rules.read(given)
    except Malformed as malformed:
        raise Invalid(
            f"{malformed.field}: {malformed.sentence}",
            code="invalid_rules",
            fix="Correct it; GET /v1/policy/templates has rules to begin with.",
            field=malformed.field,
            rule=malformed.rule or None,
        ) from malformed


def propose(actor: Principal, place: object, asked: Proposed, *, now: datetime) -> RuleSetVersion:
    """A new version that judges nothing yet: look at its back-test, then publish it. Raises Invalid, Forbidden."""
    member = require_manager(actor)
    get(actor, place)
    read(asked.rules)
    with transaction.atomic():
        rule_set = _lock(actor, place)
        version = _add(rule_set, asked, member=member, now=now)
        _record(rule_set, "policy.proposed", now=now, version=version.number, by=actor.identity)
    return version


def publish(actor: Principal, place: object, number: object, *, live: int | None, now: datetime) -> RuleSetVersion:
    """Put a version in force, for every send from the commit on; what waits goes on waiting. Again is no error.

    `live` is the version that the member saw in force; None takes it as it stands. Raises Conflict: `stale_version`
    where another is in force by now, `older_version` for one before that (`roll_back` brings it back).
    """
    member = require_manager(actor)
    get_version(get(actor, place), number)
    with transaction.atomic():
        rule_set = _lock(actor, place)
        version = get_version(rule_set, number)
        if version.number == rule_set.live:
            return version
        _check_live(rule_set, live)
        if version.number < (rule_set.live or 0):
            raise Conflict(
                f"Version {rule_set.live} is in force, which is newer.",
                code="older_version",
                fix="Roll back to the older one: that makes a new version of it.",
            )
        _go_live(rule_set, version, member=member, kind="policy.published", now=now)
    return version


def roll_back(actor: Principal, place: object, number: object, *, live: int | None, now: datetime) -> RuleSetVersion:
    """A new version with the rules of an older one, in force at once. It says whose copy it is."""
    member = require_manager(actor)
    get_version(get(actor, place), number)
    with transaction.atomic():
        rule_set = _lock(actor, place)
        old = get_version(rule_set, number)
        _check_live(rule_set, live)
        if rule_set.live is None or old.number >= rule_set.live:
            raise Conflict(
                "Only what was before the version in force is rolled back to.",
                code="nothing_to_roll_back",
                fix="Publish a newer version instead.",
            )
        asked = Proposed(old.rules, f"Version {old.number} again.")
        version = _add(rule_set, asked, member=member, copy_of=old.number, now=now)
        _go_live(rule_set, version, member=member, kind="policy.rolled_back", now=now, copy_of=old.number)
    return version


def require_manager(actor: Principal) -> Member:
    """The member behind the actor, if they may change rules: owner or admin, at the console or with a decide key."""
    member = actor.member
    if member is None or Scope.DECIDE not in actor.scopes or not member.may_manage:
        raise Forbidden(
            "Only an owner or admin of the account changes its rules; an agent's key never does.",
            code="may_not_manage",
            fix="Change them in the console, or with an owner's or admin's decide key.",
        )
    if not member.user.is_proven_human:
        raise Forbidden(
            "Set your password on our own page first: the one from signup is known to an agent.",
            code="password_not_proven",
            fix="Open the link in the verification mail.",
        )
    return member


def _by_mailbox(versions: QuerySet[RuleSetVersion]) -> dict[UUID | None, policy_rules.RuleSet]:
    return {one.rule_set.mailbox_id: parsed(one) for one in versions.select_related("rule_set")}


def told(rule_sets: tuple[policy_rules.RuleSet, ...]) -> list[dict[str, object]]:
    """Which versions were in force, as it is kept beside a verdict."""
    return [{"id": one.id, "scope": one.scope.value, "version": one.version} for one in rule_sets]


@lru_cache(maxsize=1024)
def _parsed(pk: str, scope: RuleScope, number: int, text: str) -> policy_rules.RuleSet:
    try:
        rules = policy_rules.read(json.loads(text))
    except Malformed as malformed:  # of a newer release than this one: until it is back a human looks
        log.error("policy.unreadable", version=pk, field=malformed.field)
        rules = _CLOSED
    return policy_rules.RuleSet(pk, scope, number, rules)


_CLOSED = policy_rules.read(
    [
        {
            "id": "unreadable",
            "name": "Rules that this version of the server can't read",
            "when": [{"kind": "always"}],
            "then": Outcome.HOLD.value,
        }
    ]
)


def _lock(actor: Principal, place: object) -> RuleSet:
    mailbox: Mailbox | None = None if place == ACCOUNT else actor.get_mailbox(place)
    RuleSet.objects.bulk_create([RuleSet(account=actor.account, mailbox=mailbox)], ignore_conflicts=True)
    return RuleSet.objects.select_for_update().get(account=actor.account, mailbox=mailbox)


def _add(
    rule_set: RuleSet, asked: Proposed, *, member: Member, now: datetime, copy_of: int | None = None
) -> RuleSetVersion:
    rule_set.latest += 1
    rule_set.save(update_fields=["latest"])
    return RuleSetVersion.objects.create(
        rule_set=rule_set,
        number=rule_set.latest,
        rules=asked.rules,
        note=asked.note,
        copy_of=copy_of,
        made_by=member,
        made_at=now,
    )


def _check_live(rule_set: RuleSet, seen: int | None) -> None:
    if seen is not None and seen != (rule_set.live or 0):
        raise Conflict(
            f"Version {rule_set.live or 0} is in force by now, not {seen}.",
            code="stale_version",
            fix="Read the rule set again.",
        )


def _go_live(
    rule_set: RuleSet, version: RuleSetVersion, *, member: Member, kind: str, now: datetime, **facts: object
) -> None:
    was = rule_set.live
    rule_set.live, rule_set.live_since, rule_set.live_by = version.number, now, member
    rule_set.save(update_fields=["live", "live_since", "live_by"])
    by = f"member:{member.pk}"
    _record(rule_set, kind, now=now, version=version.number, was=was, by=by, **facts)


def _record(rule_set: RuleSet, kind: str, *, now: datetime, **facts: object) -> None:
    data: Mapping[str, object] = {"rule_set_id": str(rule_set.pk), **facts}
    events.record(
        rule_set.account_id, kind, subject=str(rule_set.pk), data=data, now=now, mailbox_id=rule_set.mailbox_id
    )
