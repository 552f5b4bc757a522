"""How the people of an account share the work, and what each of them has looked at."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.ids import new_id
from mailboxes.models import Account, Member

from .review import Review


class Claims(models.TextChoices):
    """OFF: nobody claims. OPTIONAL: a claim is a word to the others. REQUIRED: who decides must hold the claim."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Desk(models.Model):
    """An account's own way of sharing the work; without a row it is the server's (settings.CLAIMS)."""

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="+")
    claims = models.CharField(max_length=8, choices=Claims)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(claims__in=Claims.values), name="desk_claims_known"),
        ]

    def __str__(self) -> str:
        return self.claims


class Viewing(models.Model):
    """When one member first and last opened a review, and the version that they saw last.

    How long a decision took is told by it, and what of a group somebody has read.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="viewings", db_index=False)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    version = models.IntegerField()
    message_version = models.IntegerField()
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("review", "member", name="viewing_once_per_member")]

    def __str__(self) -> str:
        return f"version {self.version}"
