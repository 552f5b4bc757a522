"""Mail in Django admin: to look at, as escaped text. Nothing is sent, changed or decided here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from mailboxes import clock, events
from mailboxes.admin.base import OperatorAdmin, ReadOnlyInline, operator

from .models import (
    Attachment,
    Attempt,
    Captured,
    Direction,
    Message,
    RawMessage,
    Recipient,
    Revision,
    Suppression,
    Thread,
)
from .webhooks import admin as webhooks_admin  # noqa: F401 - registers them


class RecipientInline(ReadOnlyInline):
    model = Recipient
    fields = ("address", "kind", "state", "next_at", "attempts_count", "code", "text")


class RevisionInline(ReadOnlyInline):
    model = Revision
    fields = ("version", "seal", "made_by", "created_at")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("raw")


class AttachmentInline(ReadOnlyInline):
    model = Attachment
    fields = ("filename", "content_type", "size_bytes", "sha256", "is_inline")
    show_change_link = False


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = ("number", "version", "phase", "worker", "started_at", "finished_at", "outcome", "code", "text")


class CapturedInline(ReadOnlyInline):
    model = Captured
    fields = ("address", "envelope_sender", "is_looped", "captured_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("raw")


@admin.register(Thread)
class ThreadAdmin(OperatorAdmin[Thread]):
    list_display = ("subject", "mailbox", "message_count", "last_message_at")
    list_select_related = ("mailbox",)
    search_fields = ("=mailbox__full_address", "=id")
    fields = ("subject", "account", "mailbox", "message_count", "participants", "last_message_at", "created_at")


@admin.register(Message)
class MessageAdmin(OperatorAdmin[Message]):
    """One mail. Whoever opens it stands in the account's event log."""

    list_display = ("created_at", "direction", "status", "mailbox", "other_side", "reason_code")
    list_filter = ("direction", "status")
    list_select_related = ("mailbox",)
    search_fields = ("=message_id", "=from_address", "=mailbox__full_address", "=id")
    readonly_fields = ("text_as_written", "html_as_source")
    fields = (
        "id",
        "direction",
        "status",
        "reason_code",
        "reason_text",
        "needs_decision",
        "oversight_mode",
        "current_version",
        "account",
        "mailbox",
        "thread",
        "agent",
        "member_email",
        "key",
        "message_id",
        "in_reply_to",
        "from_address",
        "from_name",
        "to_addresses",
        "cc_addresses",
        "bcc_addresses",
        "reply_to",
        "subject",
        "text_as_written",
        "html_as_source",
        "headers",
        "metadata",
        "defects",
        "sender_checks",
        "is_automatic",
        "created_at",
        "sent_at",
        "released_at",
        "received_at",
        "withheld_at",
        "unlocked_at",
    )
    inlines = (RecipientInline, RevisionInline, AttachmentInline)

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super().get_queryset(request).select_related("account", "mailbox", "thread", "agent", "member__user", "key")
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        self._record_view(request, kwargs["obj"])
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="from or to")
    def other_side(self, message: Message) -> str:
        if message.direction == Direction.INBOUND:
            return message.from_address
        return ", ".join([*message.to_addresses, *message.cc_addresses, *message.bcc_addresses])

    @admin.display(description="member")
    def member_email(self, message: Message) -> str:
        return message.member.user.email if message.member else "-"

    @admin.display(description="text")
    def text_as_written(self, message: Message) -> str:
        return format_html("<pre>{}</pre>", message.body_text)

    @admin.display(description="HTML source")
    def html_as_source(self, message: Message) -> str:
        return format_html("<pre>{}</pre>", message.body_html or "")

    def _record_view(self, request: HttpRequest, message: Message) -> None:
        data = {"message_id": str(message.pk), "by": operator(request)}
        events.record(
            message.account,
            "message.viewed_by_operator",
            subject=str(message.pk),
            data=data,
            now=clock.now(),
            mailbox_id=message.mailbox_id,
        )


@admin.register(Recipient)
class RecipientAdmin(OperatorAdmin[Recipient]):
    list_display = ("address", "kind", "state", "next_at", "attempts_count", "code", "message")
    list_filter = ("state", "kind")
    list_select_related = ("message",)
    search_fields = ("=address", "=message__id")
    fields = ("message", "address", "kind", "state", "next_at", "attempts_count", "code", "text")
    inlines = (AttemptInline, CapturedInline)


@admin.register(Attempt)
class AttemptAdmin(OperatorAdmin[Attempt]):
    list_display = ("started_at", "recipient", "number", "phase", "outcome", "code", "worker", "finished_at")
    list_filter = ("phase", "outcome")
    list_select_related = ("recipient",)
    search_fields = ("=recipient__address", "=id")
    fields = (
        "recipient",
        "number",
        "version",
        "phase",
        "worker",
        "started_at",
        "lease_until",
        "data_at",
        "finished_at",
        "outcome",
        "code",
        "text",
    )


@admin.register(Captured)
class CapturedAdmin(OperatorAdmin[Captured]):
    list_display = ("captured_at", "address", "envelope_sender", "is_looped")
    list_filter = ("is_looped",)
    search_fields = ("=address",)
    fields = ("recipient", "address", "envelope_sender", "is_looped", "captured_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("raw")


@admin.register(RawMessage)
class RawMessageAdmin(OperatorAdmin[RawMessage]):
    list_display = ("received_at", "envelope_sender", "envelope_recipient", "via", "processed_at", "duplicate_of_id")
    list_filter = ("via", ("processed_at", admin.EmptyFieldListFilter))
    search_fields = ("=envelope_sender", "=envelope_recipient", "=sha256")
    fields = (
        "mailbox",
        "message",
        "envelope_sender",
        "envelope_recipient",
        "via",
        "peer",
        "helo",
        "sha256",
        "dedupe_key",
        "duplicate_of_id",
        "processed_at",
        "received_at",
        "due_at",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("raw")


@admin.register(Suppression)
class SuppressionAdmin(OperatorAdmin[Suppression]):
    list_display = ("address", "reason", "account", "created_at")
    list_filter = ("reason",)
    list_select_related = ("account",)
    search_fields = ("=address", "=key", "=account__slug")
    fields = ("account", "address", "key", "reason", "text", "created_at")
