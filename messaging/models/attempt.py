"""Delivery attempts, and what the sandbox captured."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id

from .message import Recipient


class ThisSession(models.Func):
    """The database session that writes the row: the server's last start, and the session's number there."""

    template = "(extract(epoch FROM pg_postmaster_start_time())::bigint || '.' || pg_backend_pid())"
    arity = 0
    output_field = models.CharField(max_length=40)


class AttemptPhase(models.TextChoices):
    """How far an attempt came. STARTED: no byte of the body has left. DATA: bytes may have left. ANSWERED: the outcome
    is noted here, and the recipient does not show it yet. FINISHED: it does, or the answer is known to be lost."""

    STARTED = "started"
    DATA = "data"
    ANSWERED = "answered"
    FINISHED = "finished"


class Attempt(models.Model):
    """One try for one recipient. The row is committed before the network, DATA before the body, the outcome after.

    An unfinished attempt whose lease is over is taken back: STARTED goes again, DATA becomes unknown, ANSWERED ends as
    noted.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recipient = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.IntegerField()
    version = models.IntegerField(help_text="Revision that this attempt sends.")
    phase = models.CharField(max_length=8, choices=AttemptPhase, default=AttemptPhase.STARTED)
    worker = models.CharField(max_length=80, blank=True)
    # When it is gone, its worker is, or has lost what it held (`outbound.orphans`).
    session = models.CharField(max_length=40, db_default=ThisSession(), editable=False)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    data_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, blank=True, help_text="sent, deferred, failed, unknown or withdrawn")
    code = models.CharField(max_length=60, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("recipient", "number", name="attempt_number_once"),
            models.UniqueConstraint("recipient", condition=Q(finished_at__isnull=True), name="attempt_one_unfinished"),
            models.CheckConstraint(
                condition=Q(phase="finished", finished_at__isnull=False) & ~Q(outcome="")
                | Q(phase="answered", finished_at__isnull=True) & ~Q(outcome="")
                | Q(phase__in=["started", "data"], finished_at__isnull=True, outcome=""),
                name="attempt_outcome_fits_phase",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recipient_id} #{self.number}"


# Attempts that keep a message from being taken back: a worker holds it, or bytes may have left. The outcome tells of
# it where the mark was lost with the server.
IRREVOCABLE = Q(finished_at__isnull=True) | Q(data_at__isnull=False) | Q(outcome__in=["sent", "unknown"])


class Captured(models.Model):
    """What the sandbox transport took instead of a relay: the exact bytes with their signature."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recipient = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="captures")
    address = models.CharField(max_length=254)
    envelope_sender = models.CharField(max_length=320, blank=True)
    raw = models.BinaryField()
    is_looped = models.BooleanField(default=False, help_text="Looped back through our own SMTP listener.")
    captured_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "captured"
        indexes: ClassVar = [models.Index("address", models.F("captured_at").desc(), name="captured_by_address")]

    def __str__(self) -> str:
        return self.address
