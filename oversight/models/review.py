"""Held items that wait for people."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from mailboxes.models import Account, ApiKey, Mailbox, Member
from messaging.models import Message
from oversight.policy.types import Risk

RISKS = [(risk.value, risk.value) for risk in Risk]


class ReviewState(models.TextChoices):
    """OPEN waits for people. APPROVED: enough of them cleared it; it may still be undone until it is claimed. RETURNED:
    the author was asked for changes, and the message waits for them. EXPIRED never sends.
    """

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Review(models.Model):
    """One held message. `version` rises with every decision, undo included: who decides names the version they saw.

    `key` is the author's, of which only so many may wait. `fingerprint` and `blanks`: what it says without its numbers
    and names, and these (`oversight.groups`).

    `people_needed` different members must approve the same bytes. Whoever has claimed it looks at it until
    `claimed_until`: a word to the others, no lock. `lane` and `risk` are the policy's. `instructions` are what the
    author was asked to change; who doesn't answer has until `expires_at`, as people have before. At `release_at` an
    approved message is looked at once more, and leaves or comes back here; `released_at`: it has left for the outbox;
    or, of a returned one, its author has answered.
    `decided_by` is the label of whoever closed it, for people; the Decision rows say it exactly.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="reviews", db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="reviews", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="reviews")
    state = models.CharField(max_length=10, choices=ReviewState, default=ReviewState.OPEN)
    reason_code = models.CharField(max_length=60)
    reason_text = models.TextField()
    version = models.IntegerField(default=1)
    # With defaults in the database: the release before writes whole rows without them while both run.
    lane = models.CharField(max_length=40, blank=True, default="", db_default="")
    risk = models.CharField(max_length=6, choices=RISKS, default=Risk.LOW.value, db_default=Risk.LOW.value)
    people_needed = models.IntegerField(default=1, db_default=1)
    votes_from = models.IntegerField(
        default=1, db_default=1, help_text="Approvals of an earlier version of the review count no more."
    )
    reopened_count = models.IntegerField(
        default=0, db_default=0, help_text="How often its release found it stale: each raised the version."
    )
    claimed_by = models.ForeignKey(
        Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    instructions = models.TextField(blank=True, default="", db_default="")
    key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    fingerprint = models.CharField(max_length=32, blank=True, default="", db_default="")
    blanks = models.JSONField(null=True, blank=True)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=255, blank=True)
    note = models.TextField(blank=True)
    release_at = models.DateTimeField(
        null=True, blank=True, help_text="An approval may be undone until then, or until the claim."
    )
    released_at = models.DateTimeField(null=True, blank=True)
    # Which notice people had last (`review_notices.Stage`), and when the next one is due.
    notice_stage = models.SmallIntegerField(default=0, db_default=0)
    notice_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("message", condition=Q(state="open"), name="review_one_open_per_message"),
            models.CheckConstraint(condition=Q(state__in=ReviewState.values), name="review_state_known"),
            models.CheckConstraint(condition=Q(risk__in=[risk.value for risk in Risk]), name="review_risk_known"),
            models.CheckConstraint(condition=Q(people_needed__gte=1), name="review_needs_somebody"),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True) | ~Q(state="open") & Q(decided_at__isnull=False),
                name="review_closed_has_time",
            ),
        ]
        indexes: ClassVar = [
            # With mailbox and snooze, so that counting what waits reads nothing but the index.
            models.Index(
                fields=["account", "expires_at", "id"],
                include=["mailbox", "snoozed_until"],
                condition=Q(state="open"),
                name="review_waiting",
            ),
            models.Index(
                fields=["mailbox", "expires_at", "id"],
                include=["snoozed_until"],
                condition=Q(state="open"),
                name="review_waiting_of_mailbox",
            ),
            # What the queue is filtered by, each in the order in which it is read.
            models.Index("account", "risk", "expires_at", "id", condition=Q(state="open"), name="review_by_risk"),
            models.Index(
                "account", "reason_code", "expires_at", "id", condition=Q(state="open"), name="review_by_rule"
            ),
            models.Index(
                fields=["account", "lane", "expires_at", "id"],
                include=["mailbox", "snoozed_until"],
                condition=Q(state="open") & ~Q(lane=""),
                name="review_by_lane",
            ),
            # A claim is renewed every minute: its end stands in no index.
            models.Index(
                "account",
                "claimed_by",
                "expires_at",
                "id",
                condition=Q(state="open", claimed_by__isnull=False),
                name="review_claimed",
            ),
            models.Index(
                fields=["account", "fingerprint", "expires_at", "id"],
                include=["mailbox", "snoozed_until"],
                condition=Q(state="open") & ~Q(fingerprint=""),
                name="review_by_fingerprint",
            ),
            models.Index("key", condition=Q(state="open", key__isnull=False), name="review_waiting_of_key"),
            models.Index("expires_at", condition=Q(state="open"), name="review_expiring"),
            models.Index("notice_at", condition=Q(state="open", notice_at__isnull=False), name="review_notice_due"),
            models.Index("account", models.F("decided_at").desc(), "id", name="review_decided"),
            models.Index(
                "mailbox",
                models.F("decided_at").desc(),
                condition=Q(decided_at__isnull=False) & ~Q(state="cancelled"),
                name="review_decided_of_mailbox",
            ),
            models.Index("expires_at", condition=Q(state="returned", released_at__isnull=True), name="review_returned"),
            models.Index(
                "release_at", condition=Q(state="approved", released_at__isnull=True), name="review_releasing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"
