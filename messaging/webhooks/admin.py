"""Webhooks in Django admin: to look at. The secret and the headers' values are not shown to operators either."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from mailboxes.admin.base import OperatorAdmin
from messaging.models import WebhookDelivery, WebhookEndpoint


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OperatorAdmin[WebhookEndpoint]):
    list_display = ("id", "account", "mailbox", "url", "status", "failure_count", "last_triggered_at", "created_at")
    list_filter = ("status",)
    list_select_related = ("account", "mailbox")
    search_fields = ("=id", "=account__slug", "=mailbox__full_address", "url")
    readonly_fields = ("header_names",)
    fields = (
        "id",
        "account",
        "mailbox",
        "url",
        "events",
        "header_names",
        "status",
        "failure_count",
        "cursor",
        "last_triggered_at",
        "created_at",
        "updated_at",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("secret")

    @admin.display(description="headers")
    def header_names(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.headers) or "-"


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(OperatorAdmin[WebhookDelivery]):
    list_display = ("created_at", "event", "endpoint", "status", "attempts", "next_at", "response_status", "code")
    list_filter = ("status", "event")
    search_fields = ("=id", "=endpoint__id", "=event_id")
    fields = (
        "id",
        "endpoint",
        "event",
        "event_id",
        "event_seq",
        "status",
        "attempts",
        "next_at",
        "attempted_at",
        "response_status",
        "code",
        "created_at",
    )
