"""What an agent asked for and only a person may allow."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from mailboxes.models import Account, ApiKey, Mailbox, Member


class PermitState(models.TextChoices):
    """WAITING for a code or a person's button. GRANTED by a button, not used yet. USED: the act was done. REFUSED by a
    person, or by too many wrong codes. REPLACED by a newer request. DONE at once: nobody had to be asked. What is over
    by time keeps its state."""

    WAITING = "waiting"
    GRANTED = "granted"
    USED = "used"
    REFUSED = "refused"
    REPLACED = "replaced"
    DONE = "done"


class Permit(models.Model):
    """One person's leave for one act of one key, until `expires_at`; or an act that was done without.

    `action_hash` binds it to exactly what was asked. Of the code that was mailed only a keyed digest is kept; `summary`
    says to people what will happen, the act in its first line. `ended_by` is a member, or how it ended without one.
    `told_at` is when people were told that it was done. Of the mailbox, if it is about one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="permits", db_index=False)
    mailbox = models.ForeignKey(Mailbox, null=True, blank=True, on_delete=models.CASCADE, related_name="permits")
    key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    asked_by = models.CharField(max_length=80)
    act = models.CharField(max_length=40)
    action_hash = models.CharField(max_length=64)
    target_mode = models.CharField(max_length=10, blank=True)
    summary = models.TextField()
    digest = models.CharField(max_length=64, editable=False)
    tries_left = models.IntegerField()
    state = models.CharField(max_length=8, choices=PermitState, default=PermitState.WAITING)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    granted_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=80, blank=True, default="", db_default="")
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=PermitState.values), name="permit_state_known"),
            models.CheckConstraint(condition=Q(tries_left__gte=0), name="permit_tries_end"),
        ]
        indexes: ClassVar = [
            models.Index("account", "state", models.F("asked_at").desc(), name="permit_by_account"),
            models.Index("account", models.F("asked_at").desc(), name="permit_newest"),
            models.Index(
                "account",
                "ended_at",
                condition=Q(told_at__isnull=True, state__in=[PermitState.USED, PermitState.DONE]),
                name="permit_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} ({self.state})"

    @property
    def lines(self) -> list[str]:
        """What will happen, in words: the act, then its particulars."""
        return self.summary.split("\n")
