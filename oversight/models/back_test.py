"""A version of rules tried on past mail, in the background."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from mailboxes.models import Account, Member

from .rule_set import RuleSet


class BackTest(models.Model):
    """What one version would have made of the mail of the last days, as far as it was looked at, newest mail first.

    `in_force`: ids of the versions that "before" is judged by, those in force when it was asked. `seen_at`, `seen_id`:
    the last message that was judged; whoever goes on begins after it. Whoever works on it holds it until
    `leased_until`; `tries` counts those who took it and got no further. `failure`: why nothing more will come.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="back_tests", db_index=False)
    number = models.IntegerField()
    days = models.IntegerField()
    in_force = models.JSONField(default=list)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    by = models.CharField(max_length=60)
    total = models.IntegerField()
    is_whole = models.BooleanField()
    looked_at = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    moves = models.JSONField(default=list)
    changes = models.JSONField(default=list)
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_id = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    tries = models.SmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            # It reads much: an account has one under way.
            models.UniqueConstraint("account", condition=Q(finished_at=None), name="back_test_one_under_way"),
            models.CheckConstraint(
                condition=Q(failure="") | Q(finished_at__isnull=False), name="back_test_failed_ended"
            ),
        ]
        indexes: ClassVar = [models.Index("rule_set", "number", models.F("asked_at").desc(), name="back_test_newest")]

    def __str__(self) -> str:
        return f"v{self.number} on {self.days} days"
