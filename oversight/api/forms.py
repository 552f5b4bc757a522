"""What may be asked of messages and reviews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from mailboxes.api.fields import Metadata, Text, WholeNumber
from mailboxes.api.forms import Nothing as Nothing
from mailboxes.api.reading import Form
from mailboxes.errors import Invalid
from mailboxes.modes import OversightMode
from messaging.mime import addresses
from messaging.mime.refusals import Refused
from oversight.decisions import NOTE_LENGTH, REASON_LENGTH, REJECT_REASONS

MAX_RECIPIENTS = 50


class Recipient(Text):
    """One bare address, in the canonical spelling that is stored, sent and suppressed."""

    def to_internal_value(self, data: object) -> str:
        try:
            return addresses.canonical(super().to_internal_value(data))
        except Refused as refused:
            raise serializers.ValidationError(refused.sentence, code="invalid") from refused


class Attachments(serializers.ListField):
    """Ids of uploaded files; this version takes none."""

    child = Text()

    def to_internal_value(self, data: Any) -> list[str]:
        if data:
            raise Invalid(
                "Attachments can't be sent yet: they come with a later version of this server.",
                code="attachments_unavailable",
                fix="Leave attachments out, and put a link into the text if you can.",
                field="attachments",
            )
        return list(super().to_internal_value(data))


def recipients(*, is_optional: bool = False, help_text: str = "Up to 50 bare addresses.") -> serializers.ListField:
    """A list of addresses; one that must be there is not empty."""
    rules: dict[str, Any] = {"required": False, "allow_null": True} if is_optional else {"allow_empty": False}
    return serializers.ListField(child=Recipient(), max_length=MAX_RECIPIENTS, help_text=help_text, **rules)


class SendRequest(Form):
    to = recipients(help_text="1 to 50 bare addresses.")
    cc = recipients(is_optional=True)
    bcc = recipients(is_optional=True, help_text="Nobody else sees them.")
    subject = Text(max_length=998)
    bodyText = Text(required=False, allow_null=True, help_text="Required, unless there is bodyMarkdown.")
    bodyHtml = Text(required=False, allow_null=True, allow_blank=True, help_text="Beside the text.")
    bodyMarkdown = Text(required=False, allow_null=True, help_text="Alone enough: text and HTML are made from it.")
    inReplyTo = Text(required=False, allow_null=True, max_length=998, help_text="A Message-ID: `message.messageId`.")
    replyTo = Recipient(required=False, allow_null=True, help_text="Where answers go instead.")
    headers = serializers.DictField(
        child=Text(allow_blank=True),
        required=False,
        allow_null=True,
        help_text="`X-*`, `List-Unsubscribe`, `List-Unsubscribe-Post`; other names are dropped.",
    )
    attachments = Attachments(required=False, allow_null=True, help_text="Not yet: anything but [] is refused.")
    metadata = Metadata(required=False, allow_null=True, help_text="Up to 50 pairs of short strings, kept with it.")
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
