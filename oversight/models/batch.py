"""Many reviews decided by one act: what was asked, and what became of each."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from mailboxes.models import Account, ApiKey, Member

from .decision import Door
from .review import Review


class BatchKind(models.TextChoices):
    APPROVE = "approve"
    REJECT = "reject"


class Batch(models.Model):
    """What one member asked for many reviews at once. Each item is decided by itself, on the version that was named.

    `fingerprint` is the group that an approval stays inside of. `second_step_at`: see `decisions.Reviewer`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    door = models.CharField(max_length=7, choices=Door)
    kind = models.CharField(max_length=7, choices=BatchKind)
    fingerprint = models.CharField(max_length=32, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    note = models.TextField(blank=True)
    second_step_at = models.DateTimeField(null=True, blank=True)
    items_count = models.IntegerField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "batches"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=BatchKind.values), name="batch_kind_known"),
            models.CheckConstraint(condition=~Q(kind="reject") | ~Q(reason=""), name="batch_reject_has_reason"),
            models.CheckConstraint(condition=~Q(kind="approve") | ~Q(fingerprint=""), name="batch_approve_has_group"),
        ]
        indexes: ClassVar = [
            models.Index("account", models.F("created_at").desc(), name="batch_by_account"),
            models.Index("created_at", condition=Q(finished_at__isnull=True), name="batch_unfinished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.items_count}"


class ItemOutcome(models.TextChoices):
    """DONE: decided as asked. SKIPPED: it was not, and nothing was changed; `code` says why."""

    DONE = "done"
    SKIPPED = "skipped"


class BatchItem(models.Model):
    """One review of a batch, in the version that was named; without an outcome it is still to be done."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items", db_index=False)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="+")
    version = models.IntegerField()
    outcome = models.CharField(max_length=7, choices=ItemOutcome, blank=True)
    code = models.CharField(max_length=60, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("batch", "review", name="batch_item_once")]
        indexes: ClassVar = [models.Index("batch", condition=Q(outcome=""), name="batch_item_waiting")]

    def __str__(self) -> str:
        return self.outcome or "waiting"
