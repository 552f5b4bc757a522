"""Addresses that must not be written to."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from mailboxes.ids import new_id
from mailboxes.models import Account


class SuppressionReason(models.TextChoices):
    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"
    MANUAL = "MANUAL"


class Suppression(models.Model):
    """A do-not-send row. `key` is the address without its +tag (`mime.addresses.suppression_key`)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="suppressions")
    address = models.CharField(max_length=254)
    key = models.CharField(max_length=254)
    reason = models.CharField(max_length=10, choices=SuppressionReason)
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("account", "key", name="suppression_once")]
        indexes: ClassVar = [
            models.Index("account", models.F("created_at").desc(), models.F("id").desc(), name="suppression_newest")
        ]

    def __str__(self) -> str:
        return self.address
