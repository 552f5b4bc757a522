"""What messages, threads and attachments look like on the wire (contracts/robotomail.md, section 3).

`state`, `stateReason`, `recipients`, `metadata`, `tags`, `answers` and `replyTo` are ours.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mailboxes.api.fields import NULLABLE_TEXT, Constant, Moment
from mailboxes.inbound_usage import InboundUsage
from messaging.mime.types import PROVENANCES
from messaging.models import Attachment, Direction, Message, Recipient, RecipientState, Status

from .wire_status import WIRE_STATUSES, wire_status
from .withheld import UpgradeHintSerializer, upgrade_hint


class AttachmentSerializer(serializers.Serializer[Any]):
    """A file of a message, without its content."""

    id = serializers.UUIDField()
    messageId = serializers.UUIDField(source="message_id", allow_null=True)
    userId = serializers.CharField(source="account_id")
    filename = serializers.CharField()
    contentType = serializers.CharField(source="content_type")
    sizeBytes = serializers.IntegerField(source="size_bytes")
    r2Key = serializers.SerializerMethodField(help_text="Our storage key.")
    contentId = serializers.CharField(source="content_id", allow_null=True, help_text="Of inline parts; no brackets.")
    createdAt = Moment(source="created_at")

    def get_r2Key(self, attachment: Attachment) -> str:
        return attachment.storage_key


class ReasonSerializer(serializers.Serializer[Any]):
    """Why something is as it is: a code for programs, a sentence for people."""

    code = serializers.CharField()
    text = serializers.CharField()


class RecipientSerializer(serializers.Serializer[Any]):
    """One address of an outgoing message, and what came of it."""

    address = serializers.EmailField()
    kind = serializers.ChoiceField(choices=["to", "cc", "bcc"])
    state = serializers.ChoiceField(choices=RecipientState.values)
    code = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    nextAttemptAt = Moment(source="next_at", allow_null=True)

    def get_code(self, recipient: Recipient) -> str | None:
        return recipient.code or None

    def get_text(self, recipient: Recipient) -> str | None:
        return recipient.text or None


class AnsweredSerializer(serializers.Serializer[Any]):
    """The message of yours that a received one answers, with what you keep with it."""

    id = serializers.UUIDField()
    messageId = serializers.CharField(source="message_id")
    metadata = serializers.DictField(child=serializers.CharField())
    tags = serializers.SerializerMethodField()

    def get_tags(self, message: Message) -> list[str]:
        return list(message.tags or ())


_ANSWERED = AnsweredSerializer()


class PlainMessageSerializer(serializers.Serializer[Any]):
    """One mail, sent or received. Wants its recipients prefetched, in reading order, as `shown_recipients`.

    Of received mail `answers_to` is the message that it answers (`messaging.replies`), if there is one.
    """

    id = serializers.UUIDField()
    mailboxId = serializers.UUIDField(source="mailbox_id")
    direction = serializers.ChoiceField(choices=Direction.values)
    messageId = serializers.CharField(source="message_id", help_text="The Message-ID header, in angle brackets.")
    inReplyTo = serializers.CharField(source="in_reply_to", allow_null=True)
    threadId = serializers.UUIDField(source="thread_id", allow_null=True)
    fromAddress = serializers.CharField(source="from_address")
    toAddresses = serializers.ListField(child=serializers.CharField(), source="to_addresses")
    ccAddresses = serializers.ListField(child=serializers.CharField(), source="cc_addresses")
    bccAddresses = serializers.ListField(
        child=serializers.CharField(), source="bcc_addresses", help_text="Always [] for received mail."
    )
    subject = serializers.CharField()
    bodyText = serializers.CharField(source="body_text")
    bodyHtml = serializers.CharField(source="body_html", allow_null=True)
    headers = serializers.DictField(child=serializers.CharField())
    status = serializers.SerializerMethodField()
    externalMessageId = Constant(None, schema=NULLABLE_TEXT)
    hasAttachments = serializers.BooleanField(source="has_attachments")
    attachmentsDropped = serializers.SerializerMethodField()
    attachmentsDroppedReason = serializers.SerializerMethodField()
    eventDispatchedAt = Constant(None, schema={**NULLABLE_TEXT, "format": "date-time"})
    overLimit = serializers.SerializerMethodField(help_text="Withheld: came over the month's inbound limit.")
    overLimitReason = serializers.SerializerMethodField()
    pendingSseEventData = Constant(None, schema={"type": "null"})
    createdAt = Moment(source="created_at")
    receivedAt = Moment(
        source="received_at", allow_null=True, help_text="Arrival; `createdAt` is when it was first listed."
    )
    state = serializers.ChoiceField(source="status", choices=Status.values, help_text="Finer than status.")
    stateReason = serializers.SerializerMethodField()
    recipients = RecipientSerializer(many=True, source="shown_recipients")
    replyTo = serializers.SerializerMethodField()
    metadata = serializers.DictField(child=serializers.CharField())
    tags = serializers.SerializerMethodField()
    provenance = serializers.SerializerMethodField(
        help_text="Of a sent mail: what made its agent send, by the agent's word; `unknown` where it said nothing."
    )
    triggerId = serializers.UUIDField(
        source="trigger_id", allow_null=True, help_text="The received message that made its agent send, by its word."
    )
    answers = serializers.SerializerMethodField(help_text="Of received mail: your message that it answers.")

    @extend_schema_field(serializers.ChoiceField(choices=WIRE_STATUSES))
    def get_status(self, message: Message) -> str:
        shown: list[Recipient] = message.shown_recipients  # type: ignore[attr-defined]
        return wire_status(message.status, [recipient.state for recipient in shown])

    def get_attachmentsDropped(self, message: Message) -> bool:
        return bool(message.attachments_dropped)

    @extend_schema_field({**NULLABLE_TEXT, "enum": ["size", "count", "both", None]})
    def get_attachmentsDroppedReason(self, message: Message) -> str | None:
        return message.attachments_dropped or None

    def get_overLimit(self, message: Message) -> bool:
        return message.withheld_at is not None

    @extend_schema_field({**NULLABLE_TEXT, "enum": ["MONTHLY", "TRIAL", None]})
    def get_overLimitReason(self, message: Message) -> str | None:
        return "MONTHLY" if message.withheld_at is not None else None

    @extend_schema_field(ReasonSerializer(allow_null=True))
    def get_stateReason(self, message: Message) -> dict[str, str] | None:
        if not message.reason_code:
            return None
        return {"code": message.reason_code, "text": message.reason_text}

    def get_tags(self, message: Message) -> list[str]:
        return list(message.tags or ())

    @extend_schema_field({**NULLABLE_TEXT, "enum": [*PROVENANCES, "unknown", None]})
    def get_provenance(self, message: Message) -> str | None:
        return None if message.direction == Direction.INBOUND else message.provenance or "unknown"

    @extend_schema_field(AnsweredSerializer(allow_null=True))
    def get_answers(self, message: Message) -> dict[str, Any] | None:
        answered: Message | None = getattr(message, "answers_to", None)
        return dict(_ANSWERED.to_representation(answered)) if answered else None

    def get_replyTo(self, message: Message) -> str | None:
        return message.reply_to or None


class MessageSerializer(PlainMessageSerializer):
    """A mail with its attachments, as lists and reads show it. Wants `attachments` prefetched besides."""

    attachments = AttachmentSerializer(many=True)


class ThreadSerializer(serializers.Serializer[Any]):
    """A conversation of one mailbox; counts cover what its agent may see."""

    id = serializers.UUIDField()
    mailboxId = serializers.UUIDField(source="mailbox_id")
    subject = serializers.CharField(help_text='Without "Re:" and its kin.')
    messageCount = serializers.IntegerField(source="message_count")
    lastMessageAt = Moment(source="last_message_at")
    participants = serializers.ListField(child=serializers.CharField())
    createdAt = Moment(source="created_at")


class InboundUsageSerializer(serializers.Serializer[Any]):
    """snake_case, as in events."""

    current = serializers.IntegerField()
    limit = serializers.IntegerField()
    percentage = serializers.IntegerField()
    reset_date = Moment(source="resets_at")
    status = serializers.ChoiceField(choices=["healthy", "approaching", "near", "limit_reached"])


class ListMetadataSerializer(serializers.Serializer[Any]):
    overLimitCount = serializers.IntegerField(help_text="Messages of this mailbox that are withheld.")
    upgrade = UpgradeHintSerializer()
    limitHint = InboundUsageSerializer(required=False, help_text="From 50 % of the month's inbound limit on.")


class ThreadListSerializer(serializers.Serializer[Any]):
    threads = ThreadSerializer(many=True)
    metadata = ListMetadataSerializer()


def list_metadata(usage: InboundUsage, *, withheld_count: int) -> dict[str, object]:
    """What lists tell of the inbound limit, and of what they leave out because of it."""
    hint = {} if usage.status == "healthy" else {"limitHint": InboundUsageSerializer(usage).data}
    return {
        "overLimitCount": withheld_count,
        "upgrade": upgrade_hint(),
        **hint,
    }
