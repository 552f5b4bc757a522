"""Who called the API."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id

from .account import Account


class AccessEntry(models.Model):
    """One call of `/v1`. No audit: nothing was changed by it, calls may be missing, and it is swept.

    `route` is a template, without ids or a query. `subject` is a keyed hash of the id that the call named last (a
    message, or its mailbox): who asks about one finds its calls, and who reads the table learns no id. Without `key_id`
    it was a session.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    key_id = models.UUIDField(null=True, blank=True)
    actor = models.CharField(max_length=80, help_text="Principal: agent:<id> or member:<id>.")
    method = models.CharField(max_length=7)
    route = models.CharField(max_length=120)
    status = models.SmallIntegerField()
    milliseconds = models.IntegerField()
    subject = models.CharField(max_length=32, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "access entries"
        indexes: ClassVar = [
            models.Index("account", models.F("at").desc(), models.F("id").desc(), name="access_by_account"),
            models.Index(
                "account", "subject", models.F("at").desc(), condition=~Q(subject=""), name="access_by_subject"
            ),
            BrinIndex(fields=["at"], name="access_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.status}"
