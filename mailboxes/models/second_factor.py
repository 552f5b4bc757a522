"""What is remembered of a person's codes, beside the authenticators of allauth.mfa."""

from __future__ import annotations

from django.db import models

from .account import User


class CodeTries(models.Model):
    """Wrong codes in a row, and which code was used last. The row is locked while a code is looked at.

    `last_step` is the TOTP time step (RFC 6238) of the newest code that was taken: neither it nor an older one is
    taken again.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="code_tries")
    wrong_count = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "code tries"

    def __str__(self) -> str:
        return str(self.pk)
