"""Sends that the machine has given up."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from mailboxes.models import Account, Mailbox

from .message import Message, Recipient


class LetterEnd(models.TextChoices):
    """What a person did with a dead letter. REQUEUED: it is tried again. DROPPED: it stays where it is."""

    REQUEUED = "requeued"
    DROPPED = "dropped"


class DeadLetter(models.Model):
    """One recipient of one message whose last retry is spent, or whom the database's guard refuses: a person has to
    look. `code` and `text` are the last answer. Until `ended_at` it waits for that person; a second death is told here
    anew, once the first one has ended by a new row.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="+", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="dead_letters")
    recipient = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="+", db_index=False)
    cause = models.CharField(max_length=20, help_text="gave_up or attempt_refused")
    code = models.CharField(max_length=60, blank=True)
    text = models.TextField(blank=True)
    attempts_count = models.IntegerField()
    died_at = models.DateTimeField()
    end = models.CharField(max_length=8, choices=LetterEnd, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=80, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("recipient", condition=Q(ended_at__isnull=True), name="dead_letter_one_open"),
            models.CheckConstraint(
                condition=Q(end="", ended_at__isnull=True)
                | Q(end__in=LetterEnd.values, ended_at__isnull=False) & ~Q(ended_by=""),
                name="dead_letter_ended_by_somebody",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                "account",
                models.F("died_at").desc(),
                models.F("id").desc(),
                condition=Q(ended_at__isnull=True),
                name="dead_letter_waiting",
            ),
            models.Index("recipient", name="dead_letter_of_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.cause} {self.id}"
