"""Contents of files that agents send, and the objects in storage that hold them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from mailboxes.ids import new_id
from mailboxes.models import Account


def folder_of(sha256: str) -> str:
    """The folder in storage of the objects with this content."""
    return f"attachments/{sha256[:2]}"


class StoredFile(models.Model):
    """One content of one account, kept once however many attachments have it; `name` is the object in storage.

    An attachment without a `part_index` has one (trigger `attachment_has_content`). Deleting the row leaves a Remnant
    (trigger `stored_file_leaves_remnant`), so the object goes however the row went.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    name = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("account", "sha256", name="stored_file_once_per_content")]

    def __str__(self) -> str:
        return self.name


class Remnant(models.Model):
    """An object in storage that no row refers to: being written, or given up. Due, it is removed by the sweep.

    Named before the first byte is written, and no name is used twice: whatever dies in between, the object is known.
    """

    name = models.CharField(max_length=255, primary_key=True)
    is_given_up = models.BooleanField(default=False)
    due_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index("due_at", name="remnant_due")]

    def __str__(self) -> str:
        return self.name
