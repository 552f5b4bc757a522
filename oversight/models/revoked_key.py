"""Keys that were revoked, until their mail has been looked after."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from mailboxes.models import ApiKey


class RevokedKey(models.Model):
    """A key whose queued mail must not leave by itself any more. The row goes once none of it is left."""

    key = models.OneToOneField(ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="+")
    revoked_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index("revoked_at", name="revoked_key_in_turn")]

    def __str__(self) -> str:
        return str(self.key_id)
