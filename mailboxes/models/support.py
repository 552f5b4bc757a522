"""What accounts ask the operator."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from mailboxes.ids import new_id

from .account import Account


class SupportCategory(models.TextChoices):
    TECHNICAL = "technical"
    BILLING = "billing"
    ACCOUNT = "account"
    OTHER = "other"


class SupportTicket(models.Model):
    """A question to the operator. The row is the truth; the mail about it only points here."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="support_tickets")
    category = models.CharField(max_length=10, choices=SupportCategory)
    subject = models.CharField(max_length=200)
    message = models.TextField(max_length=5000)
    asked_by = models.CharField(max_length=50, help_text="Who asked, as it stands in events: agent:… .")
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(category__in=SupportCategory.values), name="support_ticket_category_known"
            ),
        ]
        indexes: ClassVar = [models.Index("account", "created_at", name="support_ticket_by_account")]

    def __str__(self) -> str:
        return self.subject
