"""Somebody asks whether an account's log is what was written."""

from __future__ import annotations

from django.db import models

from .account import Account


class AuditCheck(models.Model):
    """The last look at an account's log that its people asked for, and what came of it.

    Under way while `checked_at` is before `asked_at`. No proof by itself: whoever rewrites the log can write this, too;
    it says that somebody looked.
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=80, help_text="Principal: member:<id>.")
    begun_at = models.DateTimeField(null=True, blank=True, help_text="While a worker walks the log: since when.")
    checked_at = models.DateTimeField(null=True, blank=True)
    events_count = models.BigIntegerField(default=0, help_text="How many events were read.")
    fault_seq = models.BigIntegerField(null=True, blank=True, help_text="The first that is not what was written.")
    fault_text = models.CharField(max_length=300, blank=True)
    heads_at = models.DateTimeField(null=True, blank=True, help_text="When heads were signed last, as of then.")

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def is_under_way(self) -> bool:
        return self.checked_at is None or self.checked_at < self.asked_at
