"""Webhooks: where an account's events are told to, and each telling."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from mailboxes.ids import new_id
from mailboxes.models import Account, Mailbox


class WebhookEvent(models.TextChoices):
    """What may be subscribed to, by its name on the wire."""

    RECEIVED = "message.received"
    SENT = "message.sent"
    DELIVERED = "message.delivered"
    BOUNCED = "message.bounced"
    COMPLAINT = "message.complaint"


class EndpointStatus(models.TextChoices):
    """ACTIVE: told to. PAUSED: by its owner. FAILED: by us, after too many failures in a row."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    FAILED = "FAILED"


class DeliveryStatus(models.TextChoices):
    """PENDING: goes (again) at `next_at`. DELIVERED: answered with a 2xx. FAILED: given up."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class WebhookEndpoint(models.Model):
    """A subscriber's URL. Without a mailbox it is told of the whole account.

    `secret` and the values of `headers` are sealed (`mailboxes.vault`). `cursor` is a position in the account's event
    log: what stands before it was made into deliveries, or happened before there was this endpoint.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="webhooks")
    mailbox = models.ForeignKey(Mailbox, null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=2048)
    events = ArrayField(models.CharField(max_length=30, choices=WebhookEvent))
    headers = models.JSONField(default=dict, blank=True)
    secret = models.BinaryField()
    status = models.CharField(max_length=10, choices=EndpointStatus, default=EndpointStatus.ACTIVE)
    failure_count = models.IntegerField(default=0, help_text="Failed attempts in a row.")
    cursor = models.BigIntegerField(default=0)
    last_triggered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=EndpointStatus.values), name="webhook_status_known"),
            models.CheckConstraint(condition=Q(events__len__gt=0), name="webhook_subscribes"),
            models.CheckConstraint(condition=Q(failure_count__gte=0), name="webhook_failures_not_negative"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class WebhookDelivery(models.Model):
    """One event for one endpoint: told until it is answered with a 2xx or given up. Its id is the same each time.

    The event is named, not copied: what is told is rendered when it is told. A worker claims a due row by moving
    `next_at` to the end of its lease, so what it leaves behind goes again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event_id = models.UUIDField()
    event_seq = models.BigIntegerField()
    event = models.CharField(max_length=30, choices=WebhookEvent)
    status = models.CharField(max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    attempts = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    attempted_at = models.DateTimeField(null=True, blank=True)
    response_status = models.SmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=40, blank=True, help_text="Why there was no answer.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint("endpoint", "event_id", name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=Q(status=DeliveryStatus.PENDING, next_at__isnull=False)
                | Q(status__in=[DeliveryStatus.DELIVERED, DeliveryStatus.FAILED], next_at__isnull=True),
                name="webhook_delivery_pending_has_time",
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="webhook_delivery_attempts_not_negative"),
        ]
        indexes: ClassVar = [
            models.Index(
                "endpoint", models.F("created_at").desc(), models.F("id").desc(), name="webhook_delivery_newest"
            ),
            models.Index("next_at", condition=Q(status="PENDING"), name="webhook_delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.status}"

    @property
    def next_retry_at(self) -> datetime | None:
        """When it goes again; None before the first attempt and after the last."""
        return self.next_at if self.attempts else None
