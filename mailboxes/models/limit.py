"""What is allowed and what is spent."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id

from .account import Account


class LimitKind(models.TextChoices):
    """Kinds of limit. 0 means unlimited; the default of each kind is a setting."""

    DAILY_SENDS = "daily_sends", "recipients a day, per mailbox"
    MONTHLY_SENDS = "monthly_sends", "recipients a month, per mailbox"
    MAILBOX_SENDS_PER_MINUTE = "mailbox_sends_per_minute", "recipients a minute, per mailbox"
    ACCOUNT_SENDS_PER_MINUTE = "account_sends_per_minute", "recipients a minute, per account"
    MAILBOXES = "mailboxes", "mailboxes, per account"
    MONTHLY_INBOUND = "monthly_inbound", "received messages a month, per account"
    STORAGE_BYTES = "storage_bytes", "bytes of attachments, per account"


class CountKind(models.TextChoices):
    """Kinds that are counted to be told, and not limited."""

    DAILY_INBOUND = "daily_inbound", "received messages a day, per account"
    DAILY_BOUNCES = "daily_bounces", "recipients of a day's sends that bounced, per account"
    OVER_LIMIT = "over_limit", "received messages that are withheld now, per mailbox"


class Limit(models.Model):
    """A limit of one account that differs from the setting. Billing writes these rows; nobody else needs to."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="limits")
    kind = models.CharField(max_length=30, choices=LimitKind)
    amount = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("account", "kind", name="limit_once_per_kind"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="limit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.amount}"


class Usage(models.Model):
    """How much of one kind was spent by `subject_id` (a mailbox or the account) since `period_start`.

    What is told of accounts and mailboxes is read here: rows of mail are never counted for an answer.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="usages")
    subject_id = models.UUIDField()
    kind = models.CharField(max_length=30, choices=[*LimitKind.choices, *CountKind.choices])
    period_start = models.DateTimeField()
    used = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("subject_id", "kind", "period_start", name="usage_once_per_period"),
            models.CheckConstraint(condition=Q(used__gte=0), name="usage_not_negative"),
        ]
        indexes: ClassVar = [
            # Of the kind alone: an index that spoke of `used` would be written with every count of anything.
            models.Index("account", condition=Q(kind="over_limit"), name="usage_over_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.used}"
