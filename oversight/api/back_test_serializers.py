"""What a back-test looks like on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from mailboxes.api.fields import Moment, moment_text
from oversight import backtest
from oversight.backtest import Becomes, Change
from oversight.models import BackTest
from oversight.policy.types import Outcome, Risk

STATES = ("running", "finished", "failed")


class BeforeAfterSerializer(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=[*Outcome])
    code = serializers.CharField()
    lane = serializers.CharField()
    people = serializers.IntegerField()
    risk = serializers.ChoiceField(choices=[*Risk])


class ChangeSerializer(serializers.Serializer[Any]):
    messageId = serializers.UUIDField()
    mailboxId = serializers.UUIDField()
    createdAt = Moment()
    before = BeforeAfterSerializer()
    after = BeforeAfterSerializer()
    wasRejected = serializers.BooleanField(help_text="A person had rejected it.")


class MoveSerializer(serializers.Serializer[Any]):
    before = serializers.ChoiceField(choices=[*Outcome])
    after = serializers.ChoiceField(choices=[*Outcome])
    count = serializers.IntegerField()


class BackTestSerializer(serializers.Serializer[Any]):
    """What had become of past mail: before, by the rules in force when asked; after, with this version."""

    id = serializers.UUIDField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=STATES)
    failure = serializers.CharField(help_text="Why it failed, else empty.")
    days = serializers.IntegerField()
    since = Moment()
    askedAt = Moment()
    finishedAt = Moment(allow_null=True)
    total = serializers.IntegerField(help_text="So many messages are to be looked at.")
    lookedAt = serializers.IntegerField(help_text="So many were so far; all below is of these.")
    isWhole = serializers.BooleanField(help_text="False: there was more mail than is looked at; the newest was.")
    changed = serializers.IntegerField()
    moves = MoveSerializer(many=True)
    rejected = serializers.IntegerField(help_text="Of what would have left by itself, people had rejected so many.")
    changes = ChangeSerializer(many=True, help_text="The newest 1,000.")


class BackTestAnswerSerializer(serializers.Serializer[Any]):
    backTest = BackTestSerializer()


def back_test(test: BackTest) -> dict[str, Any]:
    moves = sorted(backtest.moves(test).items())
    return {
        "id": str(test.pk),
        "version": test.number,
        "state": "failed" if test.failure else "finished" if test.finished_at else "running",
        "failure": test.failure,
        "days": test.days,
        "since": moment_text(backtest.since(test)),
        "askedAt": moment_text(test.asked_at),
        "finishedAt": moment_text(test.finished_at) if test.finished_at else None,
        "total": test.total,
        "lookedAt": test.looked_at,
        "isWhole": test.is_whole,
        "changed": test.changed,
        "moves": [{"before": a.value, "after": b.value, "count": count} for (a, b), count in moves],
        "rejected": test.rejected,
        "changes": [_change(one) for one in backtest.changes(test)],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "messageId": str(change.message_id),
        "mailboxId": str(change.mailbox_id),
        "createdAt": moment_text(change.created_at),
        "before": _becomes(change.before),
        "after": _becomes(change.after),
        "wasRejected": change.was_rejected,
    }


def _becomes(found: Becomes) -> dict[str, Any]:
    return {
        "outcome": found.outcome.value,
        "code": found.code,
        "lane": found.lane,
        "people": found.people,
        "risk": found.risk.value,
    }
