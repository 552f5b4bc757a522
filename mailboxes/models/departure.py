"""What is to be erased, and what must stay known of what was."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id


class Erasure(models.Model):
    """A deleted account, or the mail of a deleted mailbox, on its way out. Outlives what it erases: no foreign keys.

    When an account is gone its row goes too or, with KEEP_AFTER_DELETION=receipt, stays without `account_id`: how many
    rows of which kind there were, when, and the hash of the last event. `counts` is by step (`mailboxes.erasure`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account_id = models.UUIDField(null=True, editable=False)
    mailbox_id = models.UUIDField(null=True, editable=False, help_text="Empty: the whole account.")
    begun_at = models.DateTimeField(editable=False)
    due_at = models.DateTimeField(editable=False, help_text="When it goes on; later after each failure.")
    failures_count = models.IntegerField(default=0, editable=False)
    counts = models.JSONField(default=dict, editable=False)
    last_hash = models.CharField(max_length=64, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("account_id", condition=Q(mailbox_id__isnull=True), name="erasure_of_account_once"),
            models.UniqueConstraint("mailbox_id", name="erasure_of_mailbox_once"),
        ]
        indexes: ClassVar = [
            models.Index("due_at", condition=Q(finished_at__isnull=True), name="erasure_due"),
        ]

    def __str__(self) -> str:
        return f"erasure of {self.mailbox_id or self.account_id or 'a former account'}"


class Tombstone(models.Model):
    """A slug or an address of an account that is no more, as a keyed hash: nobody else ever gets it.

    Made with SECRET_KEY (`mailboxes.tombstones`), so that the table alone does not tell whose address it was.
    """

    digest = models.CharField(max_length=64, primary_key=True, editable=False)

    def __str__(self) -> str:
        return self.digest[:8]
