"""What reviews look like on the wire, and messages with theirs.

A review's `note` is what the decider wrote for the author: it is there once the review is decided, for everybody who
may read the review. Reviewers alone get `seal`, `lane`, `risk` and `allowedActions`: what a decision would be bound to,
and who may make it, is no business of the author's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mailboxes.api.fields import Moment, NextCursor
from mailboxes.api.openapi import ErrorSerializer
from mailboxes.api.serializers import AgentSerializer
from messaging.api.serializers import (
    ListMetadataSerializer,
    MessageSerializer,
    PlainMessageSerializer,
    ReasonSerializer,
    ThreadSerializer,
)
from messaging.models import Direction, Message
from oversight import votes
from oversight.models import Decision, Edit, Review, ReviewState
from oversight.policy.types import Risk

from .queue_serializers import OF_QUEUE, ClaimSerializer

ACTIONS = ["approve", "reject", "edit", "request_changes", "undo"]
# What a review is shown with, beside its own row.
SHOWN_WITH: tuple[Prefetch[Any], ...] = (
    Prefetch("decisions", Decision.objects.select_related("member__user"), to_attr="shown_decisions"),
    Prefetch("edits", Edit.objects.order_by("version", "field"), to_attr="shown_edits"),
)


def just_opened(review: Review) -> Review:
    """A review that is shown before anybody could have done anything about it."""
    review.shown_decisions, review.shown_edits = [], []  # type: ignore[attr-defined]
    return review


class ApprovalSerializer(serializers.Serializer[Any]):
    """One person's yes to exactly what would leave now."""

    by = serializers.CharField()
    at = Moment()


class EditSerializer(serializers.Serializer[Any]):
    """One field as it was and as it became. Without `by` it is the author's own change, after a return."""

    revision = serializers.IntegerField(help_text="The revision of the message that it made.")
    field = serializers.CharField(help_text="By its name in a send: to, cc, bcc, subject, bodyText, bodyHtml, …")
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)
    by = serializers.CharField(allow_null=True)
    at = Moment()


class ReviewSerializer(serializers.Serializer[Any]):
    """One held message's way through the hands of people. Wants SHOWN_WITH prefetched."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ReviewState.values)
    reason = serializers.SerializerMethodField(help_text="Why it was held.")
    version = serializers.IntegerField(help_text="Rises with every decision: name the one you saw when you decide.")
    openedAt = Moment(source="opened_at")
    expiresAt = Moment(source="expires_at", help_text="Undecided until then, it expires and is never sent.")
    decidedAt = Moment(source="decided_at", allow_null=True)
    decidedBy = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField(help_text="What the decider wrote.")
    revision = serializers.SerializerMethodField(help_text="Of the message: rises with an edit and a resubmission.")
    peopleNeeded = serializers.IntegerField(source="people_needed", help_text="So many different ones must approve it.")
    approvals = serializers.SerializerMethodField(help_text="Those that count; an edit voids them.")
    instructions = serializers.SerializerMethodField(help_text="What to change, once it was given back.")
    edits = serializers.SerializerMethodField(help_text="What was changed since it was asked to leave, field by field.")

    def get_revision(self, review: Review) -> int:
        return review.message.current_version

    @extend_schema_field(ApprovalSerializer(many=True))
    def get_approvals(self, review: Review) -> list[dict[str, Any]]:
        shown: list[Decision] = review.shown_decisions  # type: ignore[attr-defined]
        told = [{"by": _name(one), "at": one.decided_at} for one in votes.counted(review, shown)]
        return [dict(_APPROVAL.to_representation(one)) for one in told]

    def get_instructions(self, review: Review) -> str | None:
        return review.instructions or None

    @extend_schema_field(EditSerializer(many=True))
    def get_edits(self, review: Review) -> list[dict[str, Any]]:
        shown: list[Edit] = review.shown_edits  # type: ignore[attr-defined]
        names = {one.pk: _name(one) for one in review.shown_decisions}  # type: ignore[attr-defined]
        told = [
            {
                "revision": one.version,
                "field": one.field,
                "old": one.old,
                "new": one.new,
                "by": names.get(one.decision_id),
                "at": one.made_at,
            }
            for one in shown
        ]
        return [dict(_EDIT.to_representation(one)) for one in told]

    @extend_schema_field(ReasonSerializer)
    def get_reason(self, review: Review) -> dict[str, str]:
        return {"code": review.reason_code, "text": review.reason_text}

    def get_decidedBy(self, review: Review) -> str | None:
        return review.decided_by or None

    def get_note(self, review: Review) -> str | None:
        return review.note or None


def _name(decision: Decision) -> str:
    user = decision.member.user
    return user.name or user.email


_REVIEW, _APPROVAL, _EDIT = ReviewSerializer(), ApprovalSerializer(), EditSerializer()


class ReviewDetailSerializer(ReviewSerializer):
    """A review with the message that it is about. `seal`, `lane`, `risk`, `allowedActions` and what follows them are
    there for reviewers only.
    """

    message = MessageSerializer()
    mailboxId = serializers.UUIDField(source="mailbox_id")
    agent = AgentSerializer(source="message.agent", allow_null=True)
    seal = serializers.CharField(required=False, help_text="SHA-256 of exactly what an approval would send.")
    lane = serializers.CharField(required=False, allow_null=True, help_text="Where the rules sent it.")
    risk = serializers.ChoiceField(
        required=False, choices=[risk.value for risk in Risk], help_text="High: approved after a second step only."
    )
    allowedActions = serializers.ListField(child=serializers.ChoiceField(choices=ACTIONS), required=False)
    claim = ClaimSerializer(required=False, allow_null=True, help_text="Who looks at it now.")
    snoozedUntil = serializers.CharField(required=False, allow_null=True, help_text="Out of sight.")
    groupId = serializers.CharField(required=False, allow_null=True, help_text="Its similar group.")

    def to_representation(self, instance: Review) -> dict[str, Any]:
        reviewer_only: Mapping[str, object] = self.context["reviewer_only"](instance)
        shown = super().to_representation(instance)
        for name in OF_QUEUE:  # absent for agents, not null
            shown.pop(name, None)
        return {**shown, **reviewer_only}


class ReviewAnswerSerializer(serializers.Serializer[Any]):
    review = ReviewDetailSerializer()


class ReviewListSerializer(serializers.Serializer[Any]):
    reviews = ReviewDetailSerializer(many=True)
    nextCursor = NextCursor()


class ReviewConflictSerializer(ErrorSerializer):
    """An error that says how the review stands now."""

    review = ReviewDetailSerializer()


class WithReview(serializers.Serializer[Any]):
    """What oversight adds to a message. Wants `reviews` prefetched, newest first, as `newest_reviews`."""

    review = serializers.SerializerMethodField()

    @extend_schema_field(ReviewSerializer(allow_null=True))
    def get_review(self, message: Message) -> dict[str, Any] | None:
        newest: list[Review] = message.newest_reviews  # type: ignore[attr-defined]
        if message.direction == Direction.INBOUND:  # what people did before it was shown is not the agent's to know
            return None
        return dict(_REVIEW.to_representation(newest[0])) if newest else None


class ReviewedMessageSerializer(WithReview, MessageSerializer):
    """One mail with its attachments and its review."""


class SentMessageSerializer(WithReview, PlainMessageSerializer):
    """A mail that was just taken for sending: without attachments, with what was left out of its headers."""

    droppedHeaders = serializers.ListField(
        child=serializers.CharField(), source="dropped_headers", help_text="Custom headers that are not yours to set."
    )


class SentAnswerSerializer(serializers.Serializer[Any]):
    message = SentMessageSerializer()


def sent_answer(message: Message, *, dropped_headers: Sequence[str]) -> dict[str, Any]:
    """The JSON of a SentAnswerSerializer, by one serializer for all requests: to copy its fields costs the most."""
    message.dropped_headers = dropped_headers  # type: ignore[attr-defined]
    return {"message": dict(_SENT.to_representation(message))}


_SENT = SentMessageSerializer()


class MessageAnswerSerializer(serializers.Serializer[Any]):
    message = ReviewedMessageSerializer()


class MessageListSerializer(serializers.Serializer[Any]):
    messages = ReviewedMessageSerializer(many=True)
    nextCursor = NextCursor()
    metadata = ListMetadataSerializer()


class ThreadDetailSerializer(ThreadSerializer):
    messages = ReviewedMessageSerializer(many=True)


class ThreadAnswerSerializer(serializers.Serializer[Any]):
    thread = ThreadDetailSerializer()
