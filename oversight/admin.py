"""Reviews and decisions in Django admin: to look at. Nobody approves a message here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from mailboxes.admin.base import OperatorAdmin, ReadOnlyInline

from .models import Decision, Evaluation, Review


class DecisionInline(ReadOnlyInline):
    model = Decision
    fields = ("version", "kind", "decider", "door", "reason", "note", "decided_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("member__user")

    @admin.display(description="member")
    def decider(self, decision: Decision) -> str:
        return decision.member.user.email


@admin.register(Review)
class ReviewAdmin(OperatorAdmin[Review]):
    list_display = ("opened_at", "state", "mailbox", "reason_code", "version", "decided_by", "decided_at", "expires_at")
    list_filter = ("state",)
    list_select_related = ("mailbox",)
    search_fields = ("=id", "=message__id", "=mailbox__full_address")
    fields = (
        "id",
        "account",
        "mailbox",
        "message",
        "state",
        "reason_code",
        "reason_text",
        "version",
        "opened_at",
        "expires_at",
        "decided_at",
        "decided_by",
        "note",
        "release_at",
    )
    inlines = (DecisionInline,)


@admin.register(Decision)
class DecisionAdmin(OperatorAdmin[Decision]):
    list_display = ("decided_at", "kind", "version", "member__user", "door", "reason", "review")
    list_filter = ("kind", "door")
    search_fields = ("=id", "=review__id")
    fields = ("id", "review", "version", "kind", "seal", "decider", "key", "door", "reason", "note", "decided_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("member__user", "review", "key")

    @admin.display(description="member")
    def decider(self, decision: Decision) -> str:
        return decision.member.user.email


@admin.register(Evaluation)
class EvaluationAdmin(OperatorAdmin[Evaluation]):
    """What the policy answered to each message, with its trace."""

    list_display = ("evaluated_at", "outcome", "reason_code", "message")
    list_filter = ("outcome",)
    list_select_related = ("message",)
    search_fields = ("=message__id",)
    fields = ("message", "outcome", "reason_code", "facts", "trace", "rule_sets", "evaluated_at")
