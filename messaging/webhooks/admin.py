"""Webhooks in Django admin: to look at, to pause, to tell once more. No secret and no header is shown."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from mailboxes import clock
from mailboxes.admin.base import OperatorAdmin, ReadOnlyInline, operator
from messaging.models import EndpointStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint

from . import changes, redelivery
from .changes import Change

SEALED = ("secret", "previous_secret")


class AttemptInline(ReadOnlyInline):
    model = WebhookAttempt
    fields = ("number", "started_at", "duration_ms", "response_status", "code")
    ordering = ("number",)
    show_change_link = False


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OperatorAdmin[WebhookEndpoint]):
    list_display = ("id", "account", "mailbox", "url", "status", "failure_count", "failing_since", "last_triggered_at")
    list_filter = ("status", "is_ordered")
    list_select_related = ("account", "mailbox")
    search_fields = ("=id", "=account__slug", "=mailbox__full_address", "url")
    readonly_fields = ("header_names",)
    fields = (
        "id",
        "account",
        "mailbox",
        "url",
        "events",
        "tags",
        "is_ordered",
        "header_names",
        "secret_at",
        "previous_until",
        "status",
        "failure_count",
        "failing_since",
        "cursor",
        "last_triggered_at",
        "created_at",
        "updated_at",
    )
    actions = ("pause",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer(*SEALED)

    @admin.display(description="headers")
    def header_names(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.headers) or "-"

    @admin.action(description="Pause: tell it nothing until its owner makes it ACTIVE", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        paused = 0
        for pk in queryset.order_by("account_id", "pk").values_list("pk", flat=True):
            with transaction.atomic():
                endpoint = WebhookEndpoint.objects.select_for_update().filter(pk=pk).first()
                if endpoint is None or endpoint.status == EndpointStatus.PAUSED:
                    continue
                changes.apply(endpoint, Change(status=EndpointStatus.PAUSED), by=operator(request), now=clock.now())
                paused += 1
        self.message_user(request, f"{paused} paused.")


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
        "attempts_before",
        "next_at",
        "attempted_at",
        "response_status",
        "code",
        "created_at",
    )
    inlines = (AttemptInline,)
    actions = ("redeliver",)

    @admin.action(description="Tell once more, under the same id", permissions=["operate"])
    def redeliver(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        due = 0
        for endpoint_id, chosen in groupby(queryset.order_by("endpoint_id"), key=lambda one: one.endpoint_id):
            with transaction.atomic():
                endpoint = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint_id).first()
                due += redelivery.again(endpoint, list(chosen), now=clock.now()) if endpoint else 0
        self.message_user(request, f"{due} are due.")
