"""What may be asked of messages and reviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mailboxes.api.fields import ADDRESS, Flag, Metadata, Text, WholeNumber
from mailboxes.api.forms import Nothing as Nothing
from mailboxes.api.reading import Form
from mailboxes.ids import parse_id
from mailboxes.modes import OversightMode
from messaging.api.forms import Tag
from messaging.mime import addresses, conversation, headers
from messaging.mime.entities import CONTENT_ID
from messaging.mime.refusals import Refused
from oversight.decisions import NOTE_LENGTH, REASON_LENGTH, REJECT_REASONS

MAX_RECIPIENTS = 50
MAX_TAGS = 10


class Recipient(Text):
    """One bare address, in the canonical spelling that is stored, sent and suppressed."""

    pattern = ADDRESS

    def to_internal_value(self, data: object) -> str:
        try:
            return addresses.canonical(super().to_internal_value(data))
        except Refused as refused:
            raise serializers.ValidationError(refused.sentence, code="invalid") from refused


class ContentId(Text):
    """By which the HTML shows a file: `<img src="cid:…">` (RFC 2392)."""

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if not CONTENT_ID.fullmatch(text):
            raise serializers.ValidationError("A Content-ID has 1 to 250 of ASCII, without space, '<' and '>'.")
        return text


class FileById(Form):
    id = serializers.UUIDField()
    contentId = ContentId(required=False, allow_null=True)


class FileByAddress(Form):
    filename = Text(max_length=255)
    url = Text(max_length=2048)
    contentId = ContentId(required=False, allow_null=True)


@dataclass(frozen=True, slots=True)
class AskedFile:
    """A file to send along: an attachment's id, or a name and the address where it lies."""

    source: UUID | tuple[str, str]
    content_id: str | None = None


_SHOWN_AS = {"contentId": {"type": "string", "description": "Shown in the HTML by `cid:` and this."}}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "format": "uuid", "description": "An uploaded file, or one of a message of yours."},
            {
                "type": "object",
                "properties": {"id": {"type": "string", "format": "uuid"}, **_SHOWN_AS},
                "required": ["id"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "description": "A file that is fetched once, now.",
                "properties": {
                    "filename": {"type": "string"},
                    "url": {"type": "string", "format": "uri"},
                    **_SHOWN_AS,
                },
                "required": ["filename", "url"],
                "additionalProperties": False,
            },
        ]
    }
)
class FileReference(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: object) -> AskedFile:
        if isinstance(data, dict):
            form = FileById() if "id" in data else FileByAddress()
            asked = form.run_validation(data)
            return AskedFile(asked.get("id") or (asked["filename"], asked["url"]), asked.get("contentId"))
        parsed = parse_id(data) if isinstance(data, str) else None
        if parsed is None:
            raise serializers.ValidationError("Neither an attachment's id nor {filename, url}.", code="invalid")
        return AskedFile(parsed)


def recipients(*, is_optional: bool = False, help_text: str = "Up to 50 bare addresses.") -> serializers.ListField:
    """A list of addresses; one that must be there is not empty."""
    rules: dict[str, Any] = (
        {"required": False, "allow_null": True} if is_optional else {"allow_empty": False, "min_length": 1}
    )
    return serializers.ListField(child=Recipient(), max_length=MAX_RECIPIENTS, help_text=help_text, **rules)


class SendRequest(Form):
    one_of = ("bodyText", "bodyMarkdown")

    to = recipients(help_text="1 to 50 bare addresses.")
    cc = recipients(is_optional=True)
    bcc = recipients(is_optional=True, help_text="Nobody else sees them.")
    subject = Text(pattern=headers.SUBJECT, max_length=998)
    bodyText = Text(required=False, allow_null=True, help_text="Required, unless there is bodyMarkdown.")
    bodyHtml = Text(required=False, allow_null=True, allow_blank=True, help_text="Beside the text.")
    bodyMarkdown = Text(required=False, allow_null=True, help_text="Alone enough: text and HTML are made from it.")
    inReplyTo = Text(
        pattern=conversation.ID,
        required=False,
        allow_null=True,
        max_length=998,
        help_text="A Message-ID: `message.messageId`.",
    )
    replyTo = Recipient(required=False, allow_null=True, help_text="Where answers go instead.")
    headers = serializers.DictField(
        child=Text(allow_blank=True),
        required=False,
        allow_null=True,
        help_text="`X-*`, `List-Unsubscribe`, `List-Unsubscribe-Post`; other names are dropped.",
    )
    attachments = serializers.ListField(
        child=FileReference(),
        required=False,
        allow_null=True,
        help_text="Up to 10 files, 25 MB together: ids of attachments, or `{filename, url}`; with a `contentId` too.",
    )
    metadata = Metadata(
        required=False, allow_null=True, help_text="Up to 50 pairs of short strings, kept with it; answers carry them."
    )
    tags = serializers.ListField(
        child=Tag(), required=False, allow_null=True, max_length=MAX_TAGS, help_text="Up to 10 words, kept with it."
    )
    oversightMode = serializers.ChoiceField(
        choices=[mode.value for mode in OversightMode],
        required=False,
        allow_null=True,
        help_text="The mailbox's mode or a stricter one, for this message only.",
    )

    def validate(self, attrs: Mapping[str, Any]) -> Mapping[str, Any]:
        if not attrs.get("bodyText") and not attrs.get("bodyMarkdown"):
            raise serializers.ValidationError({"bodyText": ["This field is required."]}, code="required")
        return attrs


class RecipientsOnly(serializers.Serializer[Any]):
    """The recipients of a SendRequest, looked at before everything else in it."""

    to = recipients()
    cc = recipients(is_optional=True)
    bcc = recipients(is_optional=True)


class ApproveRequest(Form):
    version = WholeNumber(required=False, allow_null=True, min_value=1, help_text="The version that you looked at.")
    note = Text(required=False, allow_null=True, allow_blank=True, max_length=NOTE_LENGTH)


class RejectRequest(Form):
    version = WholeNumber(required=False, allow_null=True, min_value=1, help_text="The version that you looked at.")
    reason = Text(max_length=REASON_LENGTH, help_text=f"One of {', '.join(REJECT_REASONS)}, or your own.")
    note = Text(required=False, allow_null=True, allow_blank=True, max_length=NOTE_LENGTH)


class EditRequest(Form):
    version = WholeNumber(required=False, allow_null=True, min_value=1, help_text="The version that you looked at.")
    to = recipients(is_optional=True, help_text="Instead of those it has; null leaves them.")
    cc = recipients(is_optional=True)
    bcc = recipients(is_optional=True)
    subject = Text(pattern=headers.SUBJECT, max_length=998, required=False, allow_null=True)
    bodyText = Text(required=False, allow_null=True, help_text="With bodyHtml, where the message has HTML.")
    bodyHtml = Text(required=False, allow_null=True, allow_blank=True, help_text="An empty one drops the HTML.")
    note = Text(required=False, allow_null=True, allow_blank=True, max_length=NOTE_LENGTH)
    approve = Flag(required=False, default=False, help_text="Approve it as edited, in the same moment.")


class ChangesRequest(Form):
    version = WholeNumber(required=False, allow_null=True, min_value=1, help_text="The version that you looked at.")
    instructions = Text(max_length=NOTE_LENGTH, help_text="What the author is to change.")
    reason = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=REASON_LENGTH,
        help_text=f"One of {', '.join(REJECT_REASONS)}, or your own.",
    )
