"""What became of a mailbox's place on the trust ladder: taken back by the machine, suggested to people."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from mailboxes.ids import new_id
from mailboxes.models import Account, Mailbox, Member
from mailboxes.modes import OversightMode

MODES = [(mode.value, mode.value) for mode in OversightMode]


class DemotionCause(models.TextChoices):
    """SEVERE_REJECT: a person rejected its mail for a reason of SEVERE_REASONS. COMPLAINT: a recipient called it spam.
    BREAKER: the account's mail bounced or was complained about too often."""

    SEVERE_REJECT = "severe_reject"
    COMPLAINT = "complaint"
    BREAKER = "breaker"


class Demotion(models.Model):
    """A cause for a stricter mode: written with what caused it, acted on by a sweep.

    `about` is the review, message or event that it is for, `from_mode` the mode at that moment, `to_mode` one rung
    stricter. `is_done`: the mailbox was freer than that when it was settled. `ended_at`: what was queued has been
    looked after. `told_at`: so have the owners.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="demotions", db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="demotions", db_index=False)
    cause = models.CharField(max_length=13, choices=DemotionCause)
    reason = models.CharField(max_length=60)
    about = models.UUIDField()
    from_mode = models.CharField(max_length=10, choices=MODES)
    to_mode = models.CharField(max_length=10, choices=MODES)
    caused_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    is_done = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("mailbox", "cause", "about", name="demotion_once_per_cause"),
            models.CheckConstraint(condition=Q(cause__in=DemotionCause.values), name="demotion_cause_known"),
        ]
        indexes: ClassVar = [
            models.Index("caused_at", condition=Q(ended_at__isnull=True), name="demotion_in_turn"),
            models.Index("account", condition=Q(is_done=True, told_at__isnull=True), name="demotion_untold"),
            models.Index("mailbox", F("settled_at").desc(), condition=Q(is_done=True), name="demotion_by_mailbox"),
        ]

    def __str__(self) -> str:
        return f"{self.from_mode} to {self.to_mode} ({self.cause})"


class SuggestionState(models.TextChoices):
    """OPEN waits for a person. LAPSED: the evidence or the mode is another by now."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"


class Suggestion(models.Model):
    """A rung up or down that the evidence speaks for. A person takes it, or leaves it; nothing happens by itself.

    `record` are the numbers that it was made from. One made before the mailbox's present mode began is void.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="suggestions", db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="suggestions", db_index=False)
    from_mode = models.CharField(max_length=10, choices=MODES)
    to_mode = models.CharField(max_length=10, choices=MODES)
    record = models.JSONField()
    state = models.CharField(max_length=8, choices=SuggestionState, default=SuggestionState.OPEN)
    made_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("mailbox", condition=Q(state="open"), name="suggestion_one_open"),
            models.CheckConstraint(condition=Q(state__in=SuggestionState.values), name="suggestion_state_known"),
        ]
        indexes: ClassVar = [
            models.Index("mailbox", F("made_at").desc(), name="suggestion_by_mailbox"),
            models.Index("account", condition=Q(state="open", told_at__isnull=True), name="suggestion_untold"),
        ]

    def __str__(self) -> str:
        return f"{self.from_mode} to {self.to_mode} ({self.state})"
