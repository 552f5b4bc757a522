"""Software actors and the keys that agents and members hold."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from mailboxes.ids import new_id

from .account import Account, Member


class Agent(models.Model):
    """A software actor of an account. The default agent is the one that signup made."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="agents")
    name = models.CharField(max_length=100)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("account", condition=Q(is_default=True), name="agent_one_default"),
        ]

    def __str__(self) -> str:
        return self.name


class Scope(models.TextChoices):
    READ = "read"
    SEND = "send"
    ADMIN = "admin"
    DECIDE = "decide"


class Environment(models.TextChoices):
    LIVE = "live"
    TEST = "test"


class ApiKey(models.Model):
    """A credential of one principal: of an agent (read, send, admin) or of a member (read, decide), never of both.

    Only the SHA-256 of the key is kept. `prefix` is its first 14 characters, for people to tell keys apart. A scoped
    key (`is_scoped`) sees only its `mailboxes`. `ip_allowlist` are the networks from which it is good, in canonical
    spelling; none: from everywhere. `rotated_to` is the key that takes its place once it has expired. `made_by` is who
    made it (`agent:<id>`, `member:<id>`); empty for the first one, which came with the signup.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="keys")
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.CASCADE, related_name="keys")
    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=14)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    environment = models.CharField(max_length=4, choices=Environment, default=Environment.LIVE)
    is_scoped = models.BooleanField(default=False)
    mailboxes = models.ManyToManyField("mailboxes.Mailbox", blank=True, related_name="keys")
    ip_allowlist = ArrayField(models.CharField(max_length=49), default=list, blank=True, db_default=[])
    expires_at = models.DateTimeField(null=True, blank=True)
    rotated_to = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="rotated_from"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    made_by = models.CharField(max_length=80, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(
                    Q(agent__isnull=False, member__isnull=True, scopes__contained_by=["read", "send", "admin"])
                    | Q(agent__isnull=True, member__isnull=False, scopes__contained_by=["read", "decide"])
                ),
                name="key_never_both_sends_and_decides",
            ),
        ]
        indexes: ClassVar = [models.Index("account", "created_at", name="key_by_account")]

    def __str__(self) -> str:
        return f"{self.prefix}…"
