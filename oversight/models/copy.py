"""Copies of what monitored mailboxes send, for the humans who watch."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from messaging.models import Message


class Copy(models.Model):
    """The word to the account's oversight address about one message that was let go, made once.

    `due_at` is empty when nothing is left to do; `outcome` then says what came of it: sent, no_address (none that is
    proven and elsewhere), nothing_left (the message never left), failed. `copy` is the platform's own message.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="copy_for_people")
    copy = models.OneToOneField(Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    due_at = models.DateTimeField(null=True, blank=True)
    failures_count = models.IntegerField(default=0)
    outcome = models.CharField(max_length=12, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "copies"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(due_at__isnull=False, outcome="") | Q(due_at__isnull=True) & ~Q(outcome=""),
                name="copy_done_says_how",
            ),
        ]
        indexes: ClassVar = [models.Index("due_at", condition=Q(due_at__isnull=False), name="copy_due")]

    def __str__(self) -> str:
        return self.outcome or "due"
