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

EVERYTHING = "*"  # as the only name of `WebhookEndpoint.events`: whatever agents may be told, also kinds to come


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


PENDING = Q(status=DeliveryStatus.PENDING)


class WebhookEndpoint(models.Model):
    """A subscriber's URL. Without a mailbox it is told of the whole account.

    `secret` and the values of `headers` are sealed (`mailboxes.vault`). `cursor` is a position in the account's event
    log: what stands before it was made into deliveries, or happened before there was this endpoint. With `tags` it is
    told of messages only that carry one of them. `is_ordered`: one delivery at a time, in the order of the log.
    `previous_secret` signs along until `previous_until`. `failing_since`: the first failure of those in a row.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="webhooks")
    mailbox = models.ForeignKey(Mailbox, null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=2048)
    events = ArrayField(models.CharField(max_length=60))
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    is_ordered = models.BooleanField(default=False)
    headers = models.JSONField(default=dict, blank=True)
    secret = models.BinaryField()
    secret_at = models.DateTimeField(db_default=Now())
    previous_secret = models.BinaryField(null=True, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=EndpointStatus, default=EndpointStatus.ACTIVE)
    failure_count = models.IntegerField(default=0, help_text="Failed attempts in a row.")
    failing_since = models.DateTimeField(null=True, blank=True)
    cursor = models.BigIntegerField(default=0)
    last_triggered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=EndpointStatus.values), name="webhook_status_known"),
            models.CheckConstraint(condition=Q(events__len__gt=0), name="webhook_subscribes"),
            models.CheckConstraint(condition=Q(failure_count__gte=0), name="webhook_failures_not_negative"),
            models.CheckConstraint(
                condition=Q(previous_secret__isnull=True, previous_until__isnull=True)
                | Q(previous_secret__isnull=False, previous_until__isnull=False),
                name="webhook_previous_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class WebhookDelivery(models.Model):
    """One event for one endpoint: told until it is answered with a 2xx or given up. Its id is the same each time.

    The event is named, not copied: what is told is rendered when it is told. Who tells a due row leases it until
    `leased_until`, so what a dead process leaves behind goes again. `attempts` counts all that were ever made; the
    schedule began after `attempts_before` of them: at 0, or when the delivery was asked for once more, or came back
    after it had been given up.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event_id = models.UUIDField()
    event_seq = models.BigIntegerField()
    event = models.CharField(max_length=60)
    status = models.CharField(max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    attempts = models.SmallIntegerField(default=0)
    attempts_before = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True, help_text="Until then somebody is telling it.")
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
            models.CheckConstraint(
                condition=Q(attempts_before__gte=0, attempts_before__lte=models.F("attempts")),
                name="webhook_delivery_schedule_began",
            ),
            models.CheckConstraint(
                condition=Q(leased_until__isnull=True) | PENDING, name="webhook_delivery_leased_is_pending"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                "endpoint", models.F("created_at").desc(), models.F("id").desc(), name="webhook_delivery_newest"
            ),
            # By endpoint, so that nobody walks past what waits for another one, which may be much.
            models.Index("endpoint", "next_at", "event_seq", condition=PENDING, name="webhook_delivery_due"),
            models.Index(
                "leased_until", "endpoint", condition=Q(leased_until__isnull=False), name="webhook_delivery_leased"
            ),
            models.Index(
                "endpoint",
                condition=Q(status=DeliveryStatus.FAILED, attempts__gt=0, attempts_before=0),
                name="webhook_delivery_given_up",
            ),
            models.Index("endpoint", "event_seq", condition=PENDING, name="webhook_delivery_line"),
            models.Index(
                "endpoint",
                models.F("created_at").desc(),
                models.F("id").desc(),
                condition=Q(status="FAILED"),
                name="webhook_delivery_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.status}"

    @property
    def next_retry_at(self) -> datetime | None:
        """When it goes again; None before the first attempt and after the last."""
        return self.next_at if self.attempts else None


class WebhookAttempt(models.Model):
    """One POST of a delivery, written down when it was over: how long it took, and what was answered."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries", db_index=False)
    number = models.SmallIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.IntegerField()
    response_status = models.SmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=40, blank=True, help_text="Why there was no answer, or why it is none.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("delivery", "number", name="webhook_attempt_once"),
            models.CheckConstraint(condition=Q(number__gt=0), name="webhook_attempt_counted_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.number}"
