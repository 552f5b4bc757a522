"""Mailboxes and the domains they live on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from mailboxes import clock, mailbox
from mailboxes.errors import Problem
from mailboxes.models import DkimKey, Domain, Mailbox, MailboxStatus
from mailboxes.modes import OversightMode

from .base import OperatorAdmin, ReadOnlyInline, operator


class ModeForm(forms.ModelForm[Mailbox]):
    """The oversight mode. Loosening it asks for a reason, which stands in the account's event log."""

    reason = forms.CharField(required=False, max_length=200, help_text="Needed when the mode becomes freer.")

    class Meta:
        model = Mailbox
        fields = ("mode",)

    def clean_mode(self) -> OversightMode:
        return OversightMode(self.cleaned_data["mode"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        mode = cleaned.get("mode")
        if mode and mode.strictness < OversightMode(self.initial["mode"]).strictness and not cleaned.get("reason"):
            self.add_error("reason", "Say why this mailbox may act more freely.")
        return cleaned


@admin.register(Mailbox)
class MailboxAdmin(OperatorAdmin[Mailbox]):
    list_display = ("full_address", "account", "agent", "mode", "status", "deleted_at", "created_at")
    list_filter = ("mode", "status", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("account", "agent")
    search_fields = ("full_address", "=account__slug")
    form = ModeForm
    readonly_fields = (
        "full_address",
        "display_name",
        "account",
        "agent",
        "domain",
        "status",
        "suspended_at",
        "suspended_reason",
        "metadata",
        "deleted_at",
        "created_at",
        "updated_at",
    )
    fields = (*readonly_fields, "mode", "reason")
    actions = ("pause", "resume")

    def has_change_permission(self, request: HttpRequest, obj: Mailbox | None = None) -> bool:
        return self.has_operate_permission(request) and (obj is None or obj.deleted_at is None)

    def get_fields(self, request: HttpRequest, obj: Mailbox | None = None) -> tuple[str, ...]:
        return self.fields if self.has_change_permission(request, obj) else (*self.readonly_fields, "mode")

    def save_model(self, request: HttpRequest, obj: Mailbox, form: Any, change: bool) -> None:
        mode, reason = form.cleaned_data["mode"], form.cleaned_data["reason"]
        mailbox.set_mode(obj, mode, by=operator(request), reason=reason, now=clock.now())

    @admin.action(description="Pause: send nothing", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Mailbox]) -> None:
        self._set_status(request, queryset, MailboxStatus.PAUSED)

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Mailbox]) -> None:
        self._set_status(request, queryset, MailboxStatus.ACTIVE)

    def _set_status(self, request: HttpRequest, queryset: QuerySet[Mailbox], status: MailboxStatus) -> None:
        for box in queryset.filter(deleted_at__isnull=True):
            try:
                mailbox.change(box, status=status, by=operator(request), now=clock.now())
            except Problem as problem:
                self.tell(request, problem)


class DkimKeyInline(ReadOnlyInline):
    """Selectors and public keys. The private key is sealed, and shown nowhere."""

    model = DkimKey
    fields = ("selector", "algorithm", "public_key", "seen_at", "activated_at", "retired_at")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("private_key")


@admin.register(Domain)
class DomainAdmin(OperatorAdmin[Domain]):
    list_display = ("name", "account", "status", "is_platform", "frozen_at", "created_at")
    list_filter = ("status", "is_platform")
    list_select_related = ("account",)
    search_fields = ("name", "=account__slug")
    fields = (
        *("name", "account", "status", "is_platform", "verified_at", "checked_at", "checks", "unproven_since"),
        *("frozen_at", "deleted_at", "created_at", "updated_at"),
    )
    inlines = (DkimKeyInline,)
