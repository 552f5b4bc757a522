"""Held items that wait for people."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from mailboxes.models import Account, Mailbox
from messaging.models import Message


class ReviewState(models.TextChoices):
    """OPEN waits. APPROVED: a human cleared it; it may still be undone until it is claimed. EXPIRED never sends."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Review(models.Model):
    """One held message. `version` rises with every decision, undo included: who decides names the version they saw.

    `decided_by` is the label of whoever closed it, for people; the Decision rows say it exactly.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="reviews", db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="reviews", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="reviews")
    state = models.CharField(max_length=10, choices=ReviewState, default=ReviewState.OPEN)
    reason_code = models.CharField(max_length=60)
    reason_text = models.TextField()
    version = models.IntegerField(default=1)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=255, blank=True)
    note = models.TextField(blank=True)
    release_at = models.DateTimeField(
        null=True, blank=True, help_text="An approval may be undone until then, or until the claim."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("message", condition=Q(state="open"), name="review_one_open_per_message"),
            models.CheckConstraint(condition=Q(state__in=ReviewState.values), name="review_state_known"),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True) | ~Q(state="open") & Q(decided_at__isnull=False),
                name="review_closed_has_time",
            ),
        ]
        indexes: ClassVar = [
            # With the mailbox, so that counting what waits reads nothing but the index.
            models.Index(
                fields=["account", "expires_at", "id"],
                include=["mailbox"],
                condition=Q(state="open"),
                name="review_pending",
            ),
            models.Index("mailbox", "expires_at", "id", condition=Q(state="open"), name="review_pending_of_mailbox"),
            models.Index("expires_at", condition=Q(state="open"), name="review_expiring"),
            models.Index("account", models.F("decided_at").desc(), "id", name="review_decided"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"
