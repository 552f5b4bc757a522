"""The event log, to look at."""

from __future__ import annotations

from django.contrib import admin

from mailboxes.models import Event

from .base import OperatorAdmin


@admin.register(Event)
class EventAdmin(OperatorAdmin[Event]):
    list_display = ("created_at", "account", "seq", "kind", "subject")
    list_select_related = ("account",)
    search_fields = ("=kind", "=subject", "=account__slug")
    fields = ("id", "account", "seq", "kind", "subject", "mailbox_id", "data", "created_at", "hash")
