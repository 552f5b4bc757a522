"""The event log, and who called the API, to look at."""

from __future__ import annotations

from django.contrib import admin

from mailboxes.models import AccessEntry, Event

from .base import OperatorAdmin


@admin.register(Event)
class EventAdmin(OperatorAdmin[Event]):
    list_display = ("created_at", "account", "seq", "kind", "subject")
    list_select_related = ("account",)
    search_fields = ("=kind", "=subject", "=account__slug")
    fields = ("id", "account", "seq", "kind", "subject", "mailbox_id", "data", "created_at", "hash")


@admin.register(AccessEntry)
class AccessEntryAdmin(OperatorAdmin[AccessEntry]):
    list_display = ("at", "account", "actor", "method", "route", "status", "milliseconds", "request_id")
    list_select_related = ("account",)
    search_fields = ("=key_id", "=subject", "=request_id", "=account__slug")
    fields = (
        "id",
        "at",
        "account",
        "key_id",
        "actor",
        "method",
        "route",
        "status",
        "milliseconds",
        "subject",
        "request_id",
    )
