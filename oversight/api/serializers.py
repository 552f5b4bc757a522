"""What reviews look like on the wire, and messages with theirs.

A review's `note` is what the decider wrote for the author: it is there once the review is decided, for everybody who
may read the review. Reviewers alone get `seal` and `allowedActions`: what a decision would be bound to, and who may
make it, is no business of the author's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
from messaging.models import Message
from oversight.models import Review, ReviewState

from .queue_serializers import OF_QUEUE, ClaimSerializer

ACTIONS = ["approve", "reject", "undo"]


class ReviewSerializer(serializers.Serializer[Any]):
    """One held message's way through the hands of people."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ReviewState.values)
    reason = serializers.SerializerMethodField(help_text="Why it was held.")
    version = serializers.IntegerField(help_text="Rises with every decision: name the one you saw when you decide.")
    openedAt = Moment(source="opened_at")
    expiresAt = Moment(source="expires_at", help_text="Undecided until then, it expires and is never sent.")
    decidedAt = Moment(source="decided_at", allow_null=True)
    decidedBy = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField(help_text="What the decider wrote.")

    @extend_schema_field(ReasonSerializer)
    def get_reason(self, review: Review) -> dict[str, str]:
        return {"code": review.reason_code, "text": review.reason_text}

    def get_decidedBy(self, review: Review) -> str | None:
        return review.decided_by or None

    def get_note(self, review: Review) -> str | None:
        return review.note or None


_REVIEW = ReviewSerializer()


class ReviewDetailSerializer(ReviewSerializer):
    """A review with the message that it is about. `seal` and what follows it are there for reviewers only."""

    message = MessageSerializer()
    mailboxId = serializers.UUIDField(source="mailbox_id")
    agent = AgentSerializer(source="message.agent", allow_null=True)
    seal = serializers.CharField(required=False, help_text="SHA-256 of exactly what an approval would send.")
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
