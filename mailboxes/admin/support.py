"""What accounts ask. Answers go by the operator's own mail."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from mailboxes import clock, support
from mailboxes.models import SupportTicket

from .base import OperatorAdmin, operator


@admin.register(SupportTicket)
class SupportTicketAdmin(OperatorAdmin[SupportTicket]):
    list_display = ("created_at", "account", "category", "subject", "closed_at")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "category")
    list_select_related = ("account",)
    search_fields = ("=account__slug", "subject")
    fields = ("created_at", "account", "asked_by", "category", "subject", "message", "closed_at")
    actions = ("close",)

    @admin.action(description="Close: it was answered", permissions=["operate"])
    def close(self, request: HttpRequest, queryset: QuerySet[SupportTicket]) -> None:
        for ticket in queryset:
            support.close(ticket, by=operator(request), now=clock.now())
