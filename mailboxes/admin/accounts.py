"""Accounts, their limits, what they used."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from mailboxes import clock, limits, oversight_address, suspensions
from mailboxes.errors import Problem
from mailboxes.models import Account, Limit, LimitKind, Member, Usage

from .base import OperatorAdmin, ReadOnlyInline, operator
from .deleting import ask_or_delete


class SuspensionForm(forms.ModelForm[Account]):
    """Suspends or reactivates, and says where copies go: nothing else of an account is an operator's to change."""

    is_suspended = forms.BooleanField(required=False, help_text="Nothing of the account leaves. Nothing is deleted.")
    reason = forms.CharField(required=False, max_length=200, help_text="The account's owner reads it.")

    class Meta:
        model = Account
        fields = ("oversight_email",)

    def clean_oversight_email(self) -> str:
        address = str(self.cleaned_data["oversight_email"]).strip().lower()
        try:
            oversight_address.check(address)
        except Problem as problem:
            raise forms.ValidationError(f"{problem.sentence} {problem.fix}") from problem
        return address

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["is_suspended"].initial = self.instance.suspended_at is not None
        self.fields["reason"].initial = self.instance.suspended_reason

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("is_suspended"):
            if self.instance.is_platform:
                self.add_error("is_suspended", "The platform's own account can't be suspended.")
            if not cleaned.get("reason"):
                self.add_error("reason", "A suspension needs a reason.")
        return cleaned


class MemberInline(ReadOnlyInline):
    model = Member
    fields = ("user", "role", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")


@admin.register(Account)
class AccountAdmin(OperatorAdmin[Account]):
    list_display = ("slug", "name", "plan", "suspended_at", "stopped_at", "departed_at", "created_at")
    list_filter = (
        ("suspended_at", admin.EmptyFieldListFilter),
        ("stopped_at", admin.EmptyFieldListFilter),
        ("departed_at", admin.EmptyFieldListFilter),
        "is_platform",
    )
    search_fields = ("=slug", "name", "members__user__email")
    form = SuspensionForm
    fields = (
        "slug",
        "name",
        "plan",
        "is_platform",
        "created_at",
        "is_suspended",
        "reason",
        "suspended_at",
        "stopped_at",
        "stopped_by",
        "stop_reason",
        "departed_at",
        "requires_second_step",
        "operator_approval",
        "revoked_key_mail",
        "oversight_email_asked",
        "oversight_email",
    )
    readonly_fields = (
        "slug",
        "name",
        "plan",
        "is_platform",
        "created_at",
        "suspended_at",
        "stopped_at",
        "stopped_by",
        "stop_reason",
        "departed_at",
        "requires_second_step",
        "operator_approval",
        "revoked_key_mail",
        "oversight_email_asked",
    )
    inlines = (MemberInline,)
    actions = ("delete_account",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("stopped_by__user")

    def has_change_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return self.has_operate_permission(request)

    @admin.action(description="Delete account", permissions=["operate"])
    def delete_account(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        return ask_or_delete(self, request, queryset)

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        oversight_address.change(obj, form.cleaned_data["oversight_email"], by=operator(request), now=clock.now())
        if form.cleaned_data["is_suspended"]:
            suspensions.suspend(obj, reason=form.cleaned_data["reason"], by=operator(request), now=clock.now())
        else:
            suspensions.reactivate(obj, by=operator(request), now=clock.now())


@admin.register(Limit)
class LimitAdmin(OperatorAdmin[Limit]):
    """An account's limits that differ from the settings."""

    list_display = ("account", "kind", "amount")
    list_filter = ("kind",)
    list_select_related = ("account",)
    search_fields = ("=account__slug",)
    autocomplete_fields = ("account",)
    fields = ("account", "kind", "amount")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Limit | None = None) -> bool:
        return self.has_operate_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Limit | None = None) -> tuple[str, ...]:
        return ("account", "kind") if obj else ()

    def save_model(self, request: HttpRequest, obj: Limit, form: Any, change: bool) -> None:
        kind = LimitKind(obj.kind)
        saved = limits.set_limit(obj.account, kind, obj.amount, by=operator(request), now=clock.now())
        obj.pk = saved.pk


@admin.register(Usage)
class UsageAdmin(OperatorAdmin[Usage]):
    list_display = ("account", "kind", "subject_id", "period_start", "used")
    list_filter = ("kind",)
    list_select_related = ("account",)
    search_fields = ("=account__slug", "=subject_id")
    fields = list_display
