"""What the queue looks like on the wire: claims, similar groups, batches, dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mailboxes.api.fields import Moment, NextCursor, moment_text
from messaging.models import DeadLetter
from oversight import claims
from oversight.models import BatchKind, Claims, ItemOutcome, Review
from oversight.policy.types import Risk

RISKS = [risk.value for risk in Risk]


class ClaimSerializer(serializers.Serializer[Any]):
    by = serializers.CharField(help_text="Whose eyes it is under.")
    memberId = serializers.UUIDField()
    until = Moment()


OF_QUEUE = ("claim", "snoozedUntil", "groupId")


def of_queue(review: Review, *, now: datetime) -> Mapping[str, object]:
    """What reviewers are told of a review's place in the queue."""
    held_by = claims.holder(review, now=now)
    claim = None
    if held_by is not None and review.claimed_until is not None:
        name = held_by.user.name or held_by.user.email
        claim = {"by": name, "memberId": str(held_by.pk), "until": moment_text(review.claimed_until)}
    is_asleep = review.snoozed_until is not None and review.snoozed_until > now
    return {
        "claim": claim,
        "snoozedUntil": moment_text(review.snoozed_until) if is_asleep and review.snoozed_until else None,
        "groupId": review.fingerprint or None,
    }


class QueueSettingsSerializer(serializers.Serializer[Any]):
    claims = serializers.ChoiceField(choices=Claims.values)
    claimSeconds = serializers.IntegerField()


class GroupSummarySerializer(serializers.Serializer[Any]):
    """Mails that say the same but for numbers and names."""

    id = serializers.CharField(source="fingerprint")
    size = serializers.IntegerField()
    expiresAt = Moment(source="soonest", help_text="When the first of them expires.")
    reason = serializers.SerializerMethodField()
    subject = serializers.CharField(source="first.message.subject", help_text="Of one of them.")
    mailboxId = serializers.UUIDField(source="first.mailbox_id")
    agentId = serializers.UUIDField(source="first.message.agent_id", allow_null=True)

    @extend_schema_field({"type": "object", "properties": {"code": {"type": "string"}, "text": {"type": "string"}}})
    def get_reason(self, one: Mapping[str, Any]) -> dict[str, str]:
        return {"code": one["first"].reason_code, "text": one["first"].reason_text}


class GroupListSerializer(serializers.Serializer[Any]):
    groups = GroupSummarySerializer(many=True)


class GroupMemberSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    risk = serializers.ChoiceField(choices=RISKS)
    expiresAt = Moment(source="expires_at")
    recipients = serializers.ListField(child=serializers.CharField())
    values = serializers.ListField(
        child=serializers.CharField(), help_text="The agent's words where the template is blank, in its order."
    )
    differs = serializers.CharField(help_text="Why it must be read before others are approved with it, or empty.")
    leftOut = serializers.CharField(source="left_out", help_text="Why it can't be approved with others; empty: it can.")
    openedByMe = serializers.BooleanField(source="is_opened")


class GroupSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    size = serializers.IntegerField()
    samplesNeeded = serializers.IntegerField(source="samples_needed", help_text="To approve all of `members` at once.")
    samples = serializers.ListField(child=serializers.UUIDField(), help_text="For you to read, by lot.")
    members = GroupMemberSerializer(many=True, help_text="What differs first, then by expiry; 200 at most.")


class GroupAnswerSerializer(serializers.Serializer[Any]):
    group = GroupSerializer()


class BatchItemSerializer(serializers.Serializer[Any]):
    reviewId = serializers.UUIDField(source="review_id")
    version = serializers.IntegerField()
    outcome = serializers.SerializerMethodField(help_text="null: not yet decided.")
    code = serializers.SerializerMethodField(help_text="Why it was skipped.")
    text = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"], "enum": [*ItemOutcome.values, None]})
    def get_outcome(self, item: Any) -> str | None:
        return item.outcome or None

    def get_code(self, item: Any) -> str | None:
        return item.code or None

    def get_text(self, item: Any) -> str | None:
        return item.text or None


class BatchSerializer(serializers.Serializer[Any]):
    """What became of many. An item that is done says nothing of another: each was decided by itself."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=BatchKind.values)
    size = serializers.IntegerField(source="items_count")
    done = serializers.IntegerField()
    skipped = serializers.IntegerField()
    summary = serializers.CharField(help_text="One sentence for people.")
    createdAt = Moment(source="created_at")
    finishedAt = Moment(source="finished_at", allow_null=True)
    items = BatchItemSerializer(many=True, source="shown_items")
    nextCursor = NextCursor()


class BatchAnswerSerializer(serializers.Serializer[Any]):
    batch = BatchSerializer()


class DeadLetterSerializer(serializers.Serializer[Any]):
    """One recipient of one message that the machine has given up."""

    id = serializers.UUIDField()
    messageId = serializers.UUIDField(source="message_id")
    mailboxId = serializers.UUIDField(source="mailbox_id")
    subject = serializers.CharField(source="message.subject")
    recipient = serializers.CharField(source="recipient.address")
    cause = serializers.CharField(help_text="gave_up: its last retry is spent. attempt_refused: our own guard refuses.")
    code = serializers.CharField(help_text="Of the last answer.")
    text = serializers.CharField(help_text="The last answer, in the words of the other server.")
    attempts = serializers.IntegerField(source="attempts_count")
    diedAt = Moment(source="died_at")
    end = serializers.SerializerMethodField(help_text="requeued or dropped; null: it waits for a person.")

    @extend_schema_field({"type": ["string", "null"], "enum": ["requeued", "dropped", None]})
    def get_end(self, letter: DeadLetter) -> str | None:
        return letter.end or None


class DeadLetterListSerializer(serializers.Serializer[Any]):
    deadLetters = DeadLetterSerializer(many=True)
    nextCursor = NextCursor()


class DeadLetterAnswerSerializer(serializers.Serializer[Any]):
    deadLetter = DeadLetterSerializer()
