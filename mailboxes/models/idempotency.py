"""Answers already given to requests with an Idempotency-Key."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from mailboxes.ids import new_id


class IdempotentAnswer(models.Model):
    """The committed answer to one (scope, route, key). `scope`: account id, or client address.

    `key` is a hash of the caller's Idempotency-Key, and `body` is closed by that key (`mailboxes.api.kept_answers`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(max_length=64)
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.SmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("scope", "route", "key", name="idempotent_answer_once")]
        indexes: ClassVar = [models.Index("created_at", name="idempotent_answer_by_age")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
