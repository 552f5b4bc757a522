"""What the policy answered, and why."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from mailboxes.ids import new_id
from messaging.models import Message


class Evaluation(models.Model):
    """One verdict on one message: the outcome and the trace of every rule that was looked at.

    `rule_sets` are the versions that were in force: [{id, scope, version}]. None: it was made before there were any.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="evaluations")
    outcome = models.CharField(max_length=6, help_text="allow, hold or refuse")
    reason_code = models.CharField(max_length=60)
    facts = models.JSONField()
    trace = models.JSONField()
    # May be empty: the release before writes whole rows without it, as NULL, while both run.
    rule_sets = models.JSONField(null=True, blank=True)
    evaluated_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index("message", "evaluated_at", name="evaluation_by_message")]

    def __str__(self) -> str:
        return f"{self.outcome} ({self.reason_code})"
