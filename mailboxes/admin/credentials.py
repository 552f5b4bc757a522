"""Agents and keys. A key's text was shown once, when it was made; here stands what tells keys apart."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from mailboxes import clock, keys
from mailboxes.models import Agent, ApiKey

from .base import OperatorAdmin, operator


@admin.register(Agent)
class AgentAdmin(OperatorAdmin[Agent]):
    list_display = ("name", "account", "is_default", "created_at")
    list_select_related = ("account",)
    search_fields = ("name", "=account__slug")
    fields = ("name", "account", "is_default", "created_at")


@admin.register(ApiKey)
class ApiKeyAdmin(OperatorAdmin[ApiKey]):
    list_display = (
        "prefix",
        "name",
        "account",
        "agent",
        "member__user",
        "scopes",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = ("environment", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("=prefix", "name", "=account__slug")
    fields = (
        "prefix",
        "name",
        "account",
        "agent",
        "member_email",
        "scopes",
        "environment",
        "is_scoped",
        "mailboxes",
        "ip_allowlist",
        "expires_at",
        "rotated_to",
        "last_used_at",
        "revoked_at",
        "made_by",
        "created_at",
    )
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).select_related("account", "agent", "member__user", "rotated_to")

    @admin.display(description="member")
    def member_email(self, key: ApiKey) -> str:
        return key.member.user.email if key.member else "-"

    @admin.action(description="Revoke, effective at once", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            keys.revoke_now(key, by=operator(request), now=clock.now())
