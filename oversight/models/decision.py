"""Human acts on reviews."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from mailboxes.models import ApiKey, Member

from .review import Review


class DecisionKind(models.TextChoices):
    """APPROVE is one person's yes to the sealed bytes; where several are needed, the last one lets the message leave.
    EDIT made a new revision, whose seal it holds: what was approved before counts no more."""

    APPROVE = "approve"
    REJECT = "reject"
    EDIT = "edit"
    REQUEST_CHANGES = "request_changes"
    UNDO = "undo"


class Door(models.TextChoices):
    """Where a decision came in."""

    CONSOLE = "console"
    API = "api"


class Decision(models.Model):
    """What one member decided on one version of a review. Append-only.

    `seal` is the seal of the bytes that were looked at: an approval clears exactly these. The member who decides is
    never empty; `key` is the decide key they used, if they came through the API.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="decisions", db_index=False)
    version = models.IntegerField()
    kind = models.CharField(max_length=15, choices=DecisionKind)
    seal = models.CharField(max_length=64)
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    door = models.CharField(max_length=7, choices=Door)
    reason = models.CharField(max_length=60, blank=True)
    note = models.TextField(blank=True)
    decided_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("review", "version", name="decision_once_per_version"),
            models.CheckConstraint(condition=Q(kind__in=DecisionKind.values), name="decision_kind_known"),
            models.CheckConstraint(condition=~Q(kind="reject") | ~Q(reason=""), name="decision_reject_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} v{self.version}"
