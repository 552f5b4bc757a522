"""Conversations of one mailbox."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from mailboxes.ids import new_id
from mailboxes.models import Account, Mailbox


class Thread(models.Model):
    """Messages of one mailbox that answer one another. Counts, participants and time cover visible messages only.

    `subject` is normalized for display ("Re:" and its kin removed); `subject_key` is what new mail without references
    is compared with.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="threads", db_index=False)
    subject = models.TextField(blank=True)
    subject_key = models.TextField(blank=True)
    message_count = models.IntegerField(default=0)
    participants = ArrayField(models.TextField(), default=list, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                "mailbox", models.F("last_message_at").desc(), models.F("id").desc(), name="thread_by_mailbox"
            ),
            models.Index(
                "account", models.F("last_message_at").desc(), models.F("id").desc(), name="thread_by_account"
            ),
            models.Index("mailbox", "subject_key", name="thread_by_subject"),
        ]

    def __str__(self) -> str:
        return self.subject
