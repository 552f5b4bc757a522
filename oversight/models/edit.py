"""What of a held message was changed before it left."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from mailboxes.ids import new_id

from .decision import Decision
from .review import Review


class Edit(models.Model):
    """One field as it was and as it became in the message's revision `version`: by a person's edit, which `decision`
    names, or by the author's resubmission after a return, which has none. It goes with its review and message.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="edits")
    # Decisions are erased by a function of the database's owner, in the transaction that erases this row.
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.DO_NOTHING, related_name="edits", db_index=False
    )
    version = models.IntegerField(help_text="The message's revision that it made.")
    field = models.CharField(max_length=20)
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    made_by = models.CharField(max_length=80, help_text="Principal: agent:<id> or member:<id>.")
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("review", "version", "field", name="edit_once_per_field"),
        ]

    def __str__(self) -> str:
        return f"{self.field} in version {self.version}"
