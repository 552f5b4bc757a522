"""The account's own rules, in versions that stand for good."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from mailboxes.ids import new_id
from mailboxes.models import Account, Mailbox, Member


class RuleSet(models.Model):
    """The rules of an account, or of one of its mailboxes. `live` is the number of the version in force, if any.

    Its row lock puts whoever proposes and publishes in order.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="rule_sets")
    mailbox = models.OneToOneField(Mailbox, null=True, blank=True, on_delete=models.CASCADE, related_name="rule_set")
    latest = models.IntegerField(default=0)
    live = models.IntegerField(null=True, blank=True)
    live_since = models.DateTimeField(null=True, blank=True)
    live_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("account", condition=Q(mailbox=None), name="rule_set_one_of_account"),
            models.CheckConstraint(condition=Q(live=None) | Q(live__lte=F("latest")), name="rule_set_live_exists"),
        ]

    def __str__(self) -> str:
        return f"rules of {self.mailbox_id or self.account_id}"


class RuleSetVersion(models.Model):
    """One version of a rule set: append-only. `copy_of` is the version whose content a rollback brought back."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Nobody but `oversight_erase_rule_sets` removes them (migrations/0006_policy.py).
    rule_set = models.ForeignKey(RuleSet, on_delete=models.DO_NOTHING, related_name="versions", db_index=False)
    number = models.IntegerField()
    rules = models.JSONField()
    note = models.CharField(max_length=500, blank=True)
    copy_of = models.IntegerField(null=True, blank=True)
    made_by = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("rule_set", "number", name="rule_set_version_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="rule_set_version_counts"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"
