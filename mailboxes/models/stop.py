"""Who stopped what: the history of the kill switch, and the one row that every worker looks at."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id

from .account import Account, Member
from .agent import Agent


class StopScope(models.TextChoices):
    """How much a stop holds back. EVERYTHING: all mail of this server, the house's own too; for operators only."""

    EVERYTHING = "everything"
    ACCOUNT = "account"
    MAILBOX = "mailbox"
    AGENT = "agent"
    KEY = "key"


class Stop(models.Model):
    """One stop, from its beginning to its resume; kept. `subject_id` is the id of what is stopped, by `scope`.

    `by` and `resumed_by` are principals: member:<id>, agent:<id>, operator:<id>. What workers look at is not here but
    in the account's row (`Account.stopped_at`, `stopped_subjects`) and in Switch, which a flip locks.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(max_length=10, choices=StopScope)
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.CASCADE, related_name="stops", help_text="Empty: everything."
    )
    subject_id = models.UUIDField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=80)
    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    stopped_at = models.DateTimeField()
    resumed_by = models.CharField(max_length=80, blank=True)
    resumed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(scope__in=StopScope.values), name="stop_scope_known"),
            models.CheckConstraint(
                condition=Q(scope="everything", account__isnull=True, subject_id__isnull=True)
                | ~Q(scope="everything") & Q(account__isnull=False, subject_id__isnull=False),
                name="stop_of_something",
            ),
            models.UniqueConstraint(
                "subject_id", condition=Q(resumed_at__isnull=True, subject_id__isnull=False), name="stop_once_at_a_time"
            ),
            models.UniqueConstraint(
                "scope", condition=Q(resumed_at__isnull=True, scope="everything"), name="stop_of_everything_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject_id or ''}".strip()

    @property
    def is_active(self) -> bool:
        return self.resumed_at is None


class Switch(models.Model):
    """One row, or none as long as nobody has stopped anything: how often something was stopped or resumed on this
    server, and since when all of it is stopped.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    generation = models.BigIntegerField(default=0, editable=False)
    stopped_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="switch_only_one")]

    def __str__(self) -> str:
        return f"generation {self.generation}"
