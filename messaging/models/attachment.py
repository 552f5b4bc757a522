"""Files of messages, and those that wait to be sent."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from mailboxes.ids import new_id
from mailboxes.models import Account

from .message import Message
from .stored_file import folder_of


class Attachment(models.Model):
    """A file of a message, or one that waits to be sent.

    The content of a received file is a part of the raw message: `part_index` (`mime.parse.attachment_content`). Every
    other content is the account's StoredFile of that `sha256`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="attachments")
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    content_id = models.CharField(max_length=255, null=True, blank=True)
    sha256 = models.CharField(max_length=64)
    part_index = models.IntegerField(null=True, blank=True)
    is_inline = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes: ClassVar = [
            models.Index("account", "sha256", condition=Q(part_index__isnull=True), name="attachment_by_content"),
            models.Index("created_at", condition=Q(message__isnull=True), name="attachment_unsent"),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def storage_key(self) -> str:
        """Where its content is: what the object's name begins with, or the part of the received mail. Stable."""
        if self.part_index is not None:
            return f"received/{self.message_id}/{self.part_index}"
        return f"{folder_of(self.sha256)}/{self.sha256}"
