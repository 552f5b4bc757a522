"""Addresses with settings."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from mailboxes.ids import new_id
from mailboxes.modes import OversightMode

from .account import Account
from .agent import Agent
from .domain import Domain


class MailboxStatus(models.TextChoices):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    SUSPENDED = "SUSPENDED"


class Mailbox(models.Model):
    """An agent's address. A deleted mailbox keeps its row, so that its address never goes to another account."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="mailboxes")
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.SET_NULL, related_name="mailboxes")
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="mailboxes")
    address = models.CharField(max_length=64, help_text="Local part as it was asked for.")
    full_address = models.CharField(max_length=254, editable=False, help_text="Canonical, lower case.")
    display_name = models.CharField(max_length=255, blank=True)
    mode = models.CharField(max_length=10, choices=[(mode, mode) for mode in OversightMode])
    mode_since = models.DateTimeField(null=True, blank=True, help_text="Empty: it has this mode since it was made.")
    floor = models.CharField(
        max_length=10,
        null=True,
        blank=True,
        choices=[(mode, mode) for mode in OversightMode],
        help_text="At least so strict are sends that a received mail made the agent do, or that do not say what did.",
    )
    status = models.CharField(max_length=10, choices=MailboxStatus, default=MailboxStatus.ACTIVE)
    paused_by_billing = models.BooleanField(default=False)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=200, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "mailboxes"
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("full_address"), condition=Q(deleted_at__isnull=True), name="mailbox_address_unique"
            ),
            models.CheckConstraint(condition=Q(mode__in=list(OversightMode)), name="mailbox_mode_known"),
            models.CheckConstraint(
                condition=Q(floor__isnull=True) | Q(floor__in=list(OversightMode)), name="mailbox_floor_known"
            ),
            models.CheckConstraint(condition=Q(status__in=MailboxStatus.values), name="mailbox_status_known"),
        ]
        indexes: ClassVar = [
            models.Index("account", "created_at", condition=Q(deleted_at__isnull=True), name="mailbox_by_account"),
            models.Index("full_address", name="mailbox_by_address"),
        ]

    def __str__(self) -> str:
        return self.full_address
