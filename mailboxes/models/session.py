"""A person's sign-in to `/v1`, apart from the console's."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from mailboxes.ids import new_id

from .account import User


class ApiSession(models.Model):
    """What a cookie for `/v1` stands for. Only the SHA-256 of the cookie's secret is kept.

    `fingerprint` is of the password that opened it: with another password the session is over.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_sessions")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "API session"

    def __str__(self) -> str:
        return str(self.pk)
