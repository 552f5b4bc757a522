"""The event log of an account: a sequence without gaps, chained by hash."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from mailboxes.ids import new_id

from .account import Account


class Event(models.Model):
    """One thing that happened. Append-only: the application's database role may insert and read, nothing else.

    `data` is canonical JSON kept as text, because the hash covers exactly these characters; it holds public ids and
    small facts, never subject, body, tokens or URLs. `hash` = SHA-256 over the previous event's hash and this event.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Nobody but `mailboxes_erase_events` removes them (migrations/0008_departure.py).
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="events", db_index=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=80)
    mailbox_id = models.UUIDField(null=True, blank=True)
    data = models.TextField()
    created_at = models.DateTimeField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("account", "seq", name="event_seq_unique")]
        indexes: ClassVar = [models.Index("subject", "seq", name="event_by_subject")]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class EventCounter(models.Model):
    """The head of an account's log. Its row lock puts the account's writers in order; lock it last.

    The log ends with events that no agent may learn of (`events.HIDDEN`), from `hidden_from` on, if `hidden_to` is its
    last: the release before does not write them.
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="event_counter")
    last_seq = models.BigIntegerField(default=0)
    last_hash = models.CharField(max_length=64, default="")
    hidden_from = models.BigIntegerField(null=True, blank=True)
    hidden_to = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.account_id}: {self.last_seq}"
