"""Messages, their sealed bytes, their recipients."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Left, Lower, Now

from mailboxes.ids import new_id
from mailboxes.models import Account, Agent, ApiKey, Mailbox

from .thread import Thread


class Direction(models.TextChoices):
    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class Status(models.TextChoices):
    """State of a message. Only `lifecycle` writes it.

    ACCEPTED lives inside the accept transaction only. QUEUED may leave; it has not. HELD waits for a human. SENDING: an
    attempt runs. SENT: the next hop took it for at least one recipient; nothing is said of the inbox. UNKNOWN: bytes
    may have left and the answer was lost; the machine never sends it again. FAILED: nobody took it. ARRIVED is
    received and invisible; RELEASED is received and admitted: shown, unless it is withheld over the month's limit.
    """

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    HELD = "held"
    REFUSED = "refused"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"
    REJECTED = "rejected"
    RETURNED = "returned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ARRIVED = "arrived"
    RELEASED = "released"


class Message(models.Model):
    """One mail of one mailbox, sent or received. Its bytes stand in Revision (outbound) or RawMessage (inbound).

    `needs_decision` is true until the policy alone cleared the message inside its accept transaction; triggers keep it
    so. `message_id` is the RFC 5322 Message-ID in angle brackets. A received message that came over the month's limit
    is withheld: announced, kept, and not to be read until it is unlocked (`inbound.withholding`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="messages", db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="messages", db_index=False)
    thread = models.ForeignKey(
        Thread, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages", db_index=False
    )
    direction = models.CharField(max_length=8, choices=Direction)
    status = models.CharField(max_length=10, choices=Status)
    reason_code = models.CharField(max_length=60, blank=True)
    reason_text = models.TextField(blank=True)
    needs_decision = models.BooleanField(default=True)
    oversight_mode = models.CharField(max_length=10, blank=True, help_text="The mode that applied at submission.")
    current_version = models.IntegerField(default=1)
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    member = models.ForeignKey("mailboxes.Member", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    message_id = models.TextField(blank=True)
    in_reply_to = models.TextField(null=True, blank=True)
    references = ArrayField(models.TextField(), default=list, blank=True)
    from_address = models.TextField(blank=True)
    from_name = models.TextField(blank=True)
    to_addresses = ArrayField(models.TextField(), default=list, blank=True)
    cc_addresses = ArrayField(models.TextField(), default=list, blank=True)
    bcc_addresses = ArrayField(models.TextField(), default=list, blank=True)
    reply_to = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    body_text = models.TextField(blank=True)
    body_html = models.TextField(null=True, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    provenance = models.CharField(
        max_length=8, null=True, blank=True, help_text="What made the agent send, by its own word; empty: nothing said."
    )
    trigger_id = models.UUIDField(
        null=True, blank=True, help_text="The received message that made the agent send, by its own word."
    )
    # Null and not empty: the release before writes whole rows without it while both run.
    tags = ArrayField(models.CharField(max_length=50), null=True, blank=True)
    has_attachments = models.BooleanField(default=False)
    attachments_dropped = models.CharField(max_length=5, blank=True, help_text="size, count or both")
    defects = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    sender_checks = models.JSONField(default=dict, blank=True)
    sender_new_to_thread = models.BooleanField(default=False)
    is_automatic = models.BooleanField(default=False)
    quota_taken_at = models.DateTimeField(
        null=True, blank=True, help_text="When the quota was taken; empty once given back."
    )
    quota_amount = models.IntegerField(
        null=True, blank=True, help_text="How much was taken; empty: one for each recipient."
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True, help_text="Arrival; decides in which month it counts.")
    withheld_at = models.DateTimeField(null=True, blank=True, help_text="Empty once it is unlocked.")
    unlocked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(help_text="When it was asked to leave, or was filed: later than received_at.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="message_status_known"),
            models.CheckConstraint(condition=Q(direction__in=Direction.values), name="message_direction_known"),
            models.CheckConstraint(
                condition=Q(withheld_at__isnull=True)
                | Q(direction="INBOUND", received_at__isnull=False, unlocked_at__isnull=True),
                name="message_withheld_was_received",
            ),
        ]
        indexes: ClassVar = [
            # Direction first: who reads the few of one never walks past the many of the other, nor past the withheld.
            models.Index(
                "mailbox",
                "direction",
                models.F("created_at").desc(),
                models.F("id").desc(),
                condition=Q(withheld_at__isnull=True),
                name="message_by_mailbox",
            ),
            models.Index(
                "account", "received_at", "id", condition=Q(withheld_at__isnull=False), name="message_withheld"
            ),
            models.Index(
                "account", "direction", models.F("created_at").desc(), models.F("id").desc(), name="message_by_account"
            ),
            models.Index(
                "account",
                "oversight_mode",
                models.F("created_at").desc(),
                models.F("id").desc(),
                condition=Q(direction="OUTBOUND"),
                name="message_by_mode",
            ),
            models.Index("thread", models.F("created_at").desc(), models.F("id").desc(), name="message_by_thread"),
            models.Index("mailbox", "message_id", name="message_by_message_id"),
            models.Index("account", "from_address", condition=Q(direction="INBOUND"), name="message_by_sender"),
        ]

    def __str__(self) -> str:
        return self.message_id or str(self.id)


class Revision(models.Model):
    """The sealed bytes of one version of an outbound message. Append-only: an edit adds a version."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Nobody but `messaging_erase_revisions` removes them (migrations/0015_departure.py).
    message = models.ForeignKey(Message, on_delete=models.DO_NOTHING, related_name="revisions", db_index=False)
    version = models.IntegerField()
    raw = models.BinaryField()
    seal = models.CharField(max_length=64)
    shown = models.CharField(
        max_length=64,
        db_default="",
        default="",
        blank=True,
        help_text="SHA-256 of the fields that people are shown of it; empty where the release before made it.",
    )
    made_by = models.CharField(max_length=80, help_text="Principal: agent:<id> or member:<id>.")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("message", "version", name="revision_once_per_version")]

    def __str__(self) -> str:
        return f"version {self.version}"


class RecipientState(models.TextChoices):
    """State of one recipient. SENT: the next hop took it. DELIVERED: its final acceptance was reported."""

    WAITING = "waiting"
    SENDING = "sending"
    DEFERRED = "deferred"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


DUE_STATES = (RecipientState.WAITING, RecipientState.DEFERRED)


class Recipient(models.Model):
    """One address of one message, with its own state: what is claimed, attempted, bounced.

    `next_at` is when it may be attempted; empty while the message may not leave. The outbox is where it is set. The
    database then copies the message's account beside it (trigger `recipient_joins_line`), for the claim by account.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="recipients")
    line = models.UUIDField(null=True, editable=False, help_text="The account in whose line it waits.")
    address = models.CharField(max_length=254)
    kind = models.CharField(max_length=3)
    state = models.CharField(max_length=10, choices=RecipientState, default=RecipientState.WAITING)
    next_at = models.DateTimeField(null=True, blank=True)
    attempts_count = models.IntegerField(default=0)
    # Null and not 0: the release before writes whole rows without it while both run.
    tried_before = models.IntegerField(
        null=True, blank=True, help_text="Attempts that count no more: a person gave it another round of them."
    )
    code = models.CharField(max_length=60, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("message", "address", name="recipient_once_per_message"),
            models.CheckConstraint(condition=Q(state__in=RecipientState.values), name="recipient_state_known"),
            models.CheckConstraint(
                condition=~Q(state="deferred") | (Q(next_at__isnull=False) & ~Q(code="")),
                name="recipient_deferred_says_when_and_why",
            ),
            models.CheckConstraint(
                condition=Q(next_at__isnull=True) | Q(line__isnull=False), name="recipient_due_stands_in_line"
            ),
        ]
        indexes: ClassVar = [
            models.Index("address", name="recipient_by_address"),
            models.Index("next_at", condition=Q(next_at__isnull=False), name="recipient_due"),
            models.Index("line", "next_at", condition=Q(next_at__isnull=False), name="recipient_line"),
        ]

    def __str__(self) -> str:
        return self.address


class RawMessage(models.Model):
    """Received bytes and their envelope, committed before the sender hears 250. Parsed later; never rewritten.

    `dedupe_key` covers mailbox, envelope sender and bytes: a retry after a lost 250 is kept as `duplicate_of`. Without
    `due_at` it is held: its mailbox is paused (`inbound.holding`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    mailbox = models.ForeignKey(Mailbox, null=True, blank=True, on_delete=models.CASCADE, related_name="raw_messages")
    message = models.OneToOneField(
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="raw_message"
    )
    envelope_sender = models.TextField(blank=True)
    envelope_recipient = models.TextField()
    via = models.CharField(max_length=40)
    peer = models.CharField(max_length=80, blank=True)
    helo = models.CharField(max_length=255, blank=True)
    raw = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    dedupe_key = models.CharField(max_length=64)
    duplicate_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="duplicates"
    )
    processed_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    due_at = models.DateTimeField(
        null=True,
        blank=True,
        db_default=Now(),
        help_text="When it is to be filed; later after each failure. Empty while its mailbox is paused.",
    )
    failures_count = models.IntegerField(default=0, db_default=0)
    is_gated = models.BooleanField(
        default=False, db_default=False, help_text="It came, or waited, while its mailbox was gated_all."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("dedupe_key", condition=Q(duplicate_of__isnull=True), name="raw_message_once"),
        ]
        indexes: ClassVar = [
            models.Index("due_at", "id", condition=Q(processed_at__isnull=True), name="raw_message_due"),
            models.Index(
                "mailbox", condition=Q(processed_at__isnull=True, due_at__isnull=True), name="raw_message_held"
            ),
            # Bounces of one recipient's copy, by what their return path begins with (`return_path.beginning`).
            models.Index(
                Left(Lower("envelope_recipient"), 27), condition=Q(mailbox__isnull=True), name="raw_message_of_nobody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.envelope_sender} to {self.envelope_recipient}"
