"""What the policy's answers look like on the wire.

An agent is told outcome, code, text, fix and what else would have stopped its message; members besides facts and trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from mailboxes.api.fields import Moment, moment_text
from oversight.models import RuleSet, RuleSetVersion
from oversight.policy.rules import warnings
from oversight.policy.types import Finding, Outcome, Result, Risk
from oversight.policy.types import Scope as RuleScope
from oversight.rule_sets import parsed, told
from oversight.submission import Judged

from .policy_forms import Rules


class InForceSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    scope = serializers.ChoiceField(choices=[*RuleScope])
    version = serializers.IntegerField()


class FindingSerializer(serializers.Serializer[Any]):
    """What one rule in one version found."""

    rule = serializers.CharField()
    version = serializers.IntegerField()
    result = serializers.ChoiceField(choices=[*Result])
    outcome = serializers.ChoiceField(choices=[*Outcome], allow_null=True)
    code = serializers.CharField()
    text = serializers.CharField()
    fix = serializers.CharField()
    detail = serializers.CharField(help_text="What exactly was found.")
    lane = serializers.CharField()
    people = serializers.IntegerField()
    risk = serializers.ChoiceField(choices=[*Risk])
    isFloor = serializers.BooleanField()
    clearedBy = serializers.CharField(help_text="The rule that let pass what this one would have held.")
    scope = serializers.CharField(help_text="account or mailbox; empty for what is built in.")
    name = serializers.CharField()
    isShadow = serializers.BooleanField(help_text="Told only: it decided nothing.")


class EvaluationSerializer(serializers.Serializer[Any]):
    """What would become of a send now. From `lane` on for members' keys only."""

    outcome = serializers.ChoiceField(choices=[*Outcome])
    code = serializers.CharField()
    text = serializers.CharField()
    fix = serializers.CharField()
    also = serializers.ListField(
        child=serializers.CharField(), help_text="The codes of what else would have stopped it."
    )
    lane = serializers.CharField(required=False)
    people = serializers.IntegerField(required=False, help_text="How many must approve.")
    risk = serializers.ChoiceField(choices=[*Risk], required=False)
    clearedBy = serializers.CharField(required=False, help_text="The rule that lets it pass.")
    facts = serializers.DictField(required=False, help_text="What was looked at; members may be added.")
    trace = FindingSerializer(many=True, required=False)
    ruleSets = InForceSerializer(many=True, required=False)


class EvaluationAnswerSerializer(serializers.Serializer[Any]):
    evaluation = EvaluationSerializer()


class WarningSerializer(serializers.Serializer[Any]):
    """A rule that can be used, and may not be what was meant."""

    rule = serializers.CharField()
    field = serializers.CharField()
    text = serializers.CharField()


class VersionSerializer(serializers.Serializer[Any]):
    """One version of a rule set; it never changes."""

    number = serializers.IntegerField()
    rules = Rules()
    note = serializers.CharField()
    copyOf = serializers.IntegerField(allow_null=True, help_text="Whose rules a rollback brought back.")
    madeBy = serializers.CharField()
    madeAt = Moment()
    isLive = serializers.BooleanField()
    warnings = WarningSerializer(many=True)


class VersionAnswerSerializer(serializers.Serializer[Any]):
    version = VersionSerializer()


class VersionListSerializer(serializers.Serializer[Any]):
    versions = VersionSerializer(many=True, help_text="Newest first.")
    before = serializers.IntegerField(allow_null=True, help_text="Send it as `before` for older ones; null at the end.")


class RuleSetSerializer(serializers.Serializer[Any]):
    """The rules of an account or mailbox. `live` and `rules` are of the version in force."""

    scope = serializers.ChoiceField(choices=[*RuleScope])
    mailboxId = serializers.UUIDField(allow_null=True)
    latest = serializers.IntegerField(help_text="The newest version's number; 0: there is none yet.")
    live = serializers.IntegerField(allow_null=True)
    liveSince = Moment(allow_null=True)
    liveBy = serializers.CharField(allow_null=True)
    rules = Rules()


class RuleSetAnswerSerializer(serializers.Serializer[Any]):
    ruleSet = RuleSetSerializer()


class TemplateSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    description = serializers.CharField()
    rule = serializers.DictField(help_text="Ready for copying into a rule set.")


class TemplateListSerializer(serializers.Serializer[Any]):
    templates = TemplateSerializer(many=True)


def evaluation(judged: Judged, *, is_member: bool) -> dict[str, Any]:
    verdict = judged.verdict
    shown: dict[str, Any] = {
        "outcome": verdict.outcome.value,
        "code": verdict.code,
        "text": verdict.text,
        "fix": verdict.fix,
        "also": list(verdict.also),
    }
    if not is_member:
        return shown
    return shown | {
        "lane": verdict.lane,
        "people": verdict.people,
        "risk": verdict.risk.value,
        "clearedBy": verdict.cleared_by,
        "facts": _camel(judged.facts.as_json()),
        "trace": [_finding(one) for one in verdict.trace],
        "ruleSets": told(judged.sender.rules),
    }


def rule_set(found: RuleSet, live: RuleSetVersion | None) -> dict[str, Any]:
    scope = RuleScope.MAILBOX if found.mailbox_id else RuleScope.ACCOUNT
    return {
        "scope": scope.value,
        "mailboxId": str(found.mailbox_id) if found.mailbox_id else None,
        "latest": found.latest,
        "live": found.live,
        "liveSince": moment_text(found.live_since) if found.live_since else None,
        "liveBy": _name(found.live_by) if found.live_by else None,
        "rules": live.rules if live else [],
    }


def version(found: RuleSetVersion, *, live: int | None) -> dict[str, Any]:
    return {
        "number": found.number,
        "rules": found.rules,
        "note": found.note,
        "copyOf": found.copy_of,
        "madeBy": _name(found.made_by),
        "madeAt": moment_text(found.made_at),
        "isLive": found.number == live,
        "warnings": [{"rule": one.rule, "field": one.field, "text": one.text} for one in warnings(parsed(found).rules)],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "version": finding.version,
        "result": finding.result.value,
        "outcome": finding.outcome.value if finding.outcome else None,
        "code": finding.code,
        "text": finding.text,
        "fix": finding.fix,
        "detail": finding.detail,
        "lane": finding.lane,
        "people": finding.people,
        "risk": finding.risk.value,
        "isFloor": finding.is_floor,
        "clearedBy": finding.cleared_by,
        "scope": finding.scope,
        "name": finding.name,
        "isShadow": finding.is_shadow,
    }


def _camel(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_camel_name(name): _camel(one) for name, one in value.items()}
    return [_camel(one) for one in value] if isinstance(value, list | tuple) else value


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _name(member: Any) -> str:
    return str(member.user.name or member.user.email)
