"""How far this database knows of what has left."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Epoch(models.Model):
    """One row: which database this is, and when mail was last claimed by it (`mailboxes.epoch`).

    While `halted_at` is set nothing is claimed, of any account: the database is older than what has left.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    lineage = models.UUIDField(editable=False, help_text="Made once; a restored backup has its original's.")
    mark = models.DateTimeField(null=True, editable=False, help_text="The last claim; empty: there was none yet.")
    halted_at = models.DateTimeField(null=True, editable=False)
    halt_reason = models.TextField(blank=True, editable=False)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="epoch_only_one")]

    def __str__(self) -> str:
        return f"{self.lineage} {self.mark}"
