"""`GET /v1/mailboxes/{id}/trust`: where a mailbox stands on the ladder, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api.base import ApiView
from mailboxes.api.fields import Moment, moment_text
from mailboxes.api.openapi import MAILBOX_ID, operation
from mailboxes.models import Scope
from mailboxes.modes import OversightMode
from oversight import rule_sets, trust_report
from oversight.advice import TEXTS, Ground
from oversight.models import DemotionCause
from oversight.policy.graduation import never_alone
from oversight.trust_report import Report

MODES = list(OversightMode)
FOR_MEMBERS = "Null for agents."


class GroundSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text=f"{', '.join(TEXTS)}; more may come.")
    text = serializers.CharField(help_text="For people; with numbers where a member asks.")


class TrackRecordSerializer(serializers.Serializer[Any]):
    since = Moment(help_text="What was before counts no more: the mode began, or it is too long ago.")
    clean = serializers.IntegerField(help_text="Approved as the agent wrote it, where the mode held it.")
    edited = serializers.IntegerField()
    returned = serializers.IntegerField()
    rejected = serializers.IntegerField()
    expired = serializers.IntegerField()
    medianSeconds = serializers.IntegerField(allow_null=True, help_text="From the hold to the decision.")
    sent = serializers.IntegerField(help_text="Recipients whose mail server took the mail.")
    bounced = serializers.IntegerField()
    complained = serializers.IntegerField()


class SuggestedStepSerializer(serializers.Serializer[Any]):
    fromMode = serializers.ChoiceField(choices=MODES)
    toMode = serializers.ChoiceField(choices=MODES)
    madeAt = Moment()


class DemotionSerializer(serializers.Serializer[Any]):
    cause = serializers.ChoiceField(choices=DemotionCause.values)
    reason = serializers.CharField()
    toMode = serializers.ChoiceField(choices=MODES)
    at = Moment()


class NeverAloneSerializer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    name = serializers.CharField()
    then = serializers.ChoiceField(choices=["hold", "refuse"])


class TrustReportSerializer(serializers.Serializer[Any]):
    mailboxId = serializers.UUIDField()
    mode = serializers.ChoiceField(choices=MODES)
    modeSince = Moment()
    floor = serializers.ChoiceField(choices=MODES, allow_null=True)
    nextMode = serializers.ChoiceField(choices=MODES, allow_null=True, help_text="The rung above; null at the top.")
    missing = GroundSerializer(many=True, help_text="What speaks against the next rung; none: it is good for it.")
    against = GroundSerializer(many=True, help_text="What speaks for a rung down.")
    record = TrackRecordSerializer(allow_null=True, help_text=FOR_MEMBERS)
    suggestion = SuggestedStepSerializer(allow_null=True, help_text=f"{FOR_MEMBERS} A person takes it or leaves it.")
    demotions = DemotionSerializer(many=True, help_text="What the machine took back, newest first.")
    heldAtEveryRung = NeverAloneSerializer(many=True, allow_null=True, help_text=FOR_MEMBERS)


class TrustReportAnswerSerializer(serializers.Serializer[Any]):
    trust = TrustReportSerializer()


class Trust(ApiView):
    @operation(
        "getMailboxTrust",
        tag="Oversight",
        answers={200: TrustReportAnswerSerializer},
        errors=(403, 404),
        parameters=[MAILBOX_ID],
    )
    def get(self, request: Request, id: str) -> Response:
        """Where the mailbox stands on the ladder of trust, and what is missing for the next rung.

        Nothing rises by itself: POST …/request-upgrade asks the account's people. An agent is told codes; members are
        told the numbers, what is suggested, and what is held at every rung.
        """
        self.principal.require(Scope.READ)
        box = self.principal.get_mailbox(id)
        [report] = trust_report.of([box], now=self.now)
        return Response({"trust": _told(report, is_member=self.principal.member is not None)})


def _told(report: Report, *, is_member: bool) -> dict[str, Any]:
    box, record = report.mailbox, report.record
    return {
        "mailboxId": str(box.pk),
        "mode": record.mode.value,
        "modeSince": moment_text(record.term_since),
        "floor": box.floor,
        "nextMode": report.advice.next_mode,
        "missing": _grounds(report.advice.missing, is_member=is_member),
        "against": _grounds(report.advice.against, is_member=is_member),
        "record": _record(report) if is_member else None,
        "suggestion": _suggestion(report) if is_member else None,
        "demotions": [
            {
                "cause": one.cause,
                "reason": one.reason,
                "toMode": one.to_mode,
                "at": moment_text(one.settled_at) if one.settled_at else None,
            }
            for one in report.demotions
        ],
        "heldAtEveryRung": _never_alone(report) if is_member else None,
    }


def _grounds(grounds: Sequence[Ground], *, is_member: bool) -> list[dict[str, str]]:
    return [{"code": one.code, "text": one.sentence if is_member else one.text} for one in grounds]


def _record(report: Report) -> dict[str, Any]:
    numbers = report.record.numbers
    return {
        "since": moment_text(report.record.since),
        "clean": numbers.clean,
        "edited": numbers.edited,
        "returned": numbers.returned,
        "rejected": numbers.rejected,
        "expired": numbers.expired,
        "medianSeconds": numbers.median_seconds,
        "sent": numbers.sent,
        "bounced": numbers.bounced,
        "complained": numbers.complained,
    }


def _suggestion(report: Report) -> dict[str, Any] | None:
    made = report.suggestion
    if made is None:
        return None
    return {"fromMode": made.from_mode, "toMode": made.to_mode, "madeAt": moment_text(made.made_at)}


def _never_alone(report: Report) -> list[dict[str, str]]:
    found = never_alone(rule_sets.in_force(report.mailbox.pk))
    return [{"rule": one.rule, "name": one.name, "then": one.outcome.value} for one in found]
