"""How the people of an account want to hear of what waits for them."""

from __future__ import annotations

from datetime import time
from typing import ClassVar

from django.db import models
from django.db.models import Q

from mailboxes.models import Account, Member


class NoticeStyle(models.TextChoices):
    """EACH: soon after something was held, several together in one mail. DIGEST: once a day. NONE: never by mail."""

    EACH = "each"
    DIGEST = "digest"
    NONE = "none"


class NoticeSettings(models.Model):
    """One member's wishes; without a row the defaults are theirs.

    In the quiet hours (`quiet_from` to `quiet_to`, in `zone`, over midnight too) only what is about to expire is
    mailed; the rest comes together when they end, at `next_mail_at`. `escalates`: words when half and four fifths of
    the time are over.
    """

    member = models.OneToOneField(Member, primary_key=True, on_delete=models.CASCADE, related_name="notice_settings")
    style = models.CharField(max_length=6, choices=NoticeStyle, default=NoticeStyle.EACH)
    escalates = models.BooleanField(default=True)
    daily_at = models.TimeField(default=time(8))
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    zone = models.CharField(max_length=60, default="UTC")
    names_subject = models.BooleanField(default=True)
    next_mail_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "notice settings"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(style__in=NoticeStyle.values), name="notice_style_known"),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_to__isnull=True)
                | Q(quiet_from__isnull=False, quiet_to__isnull=False),
                name="notice_quiet_hours_whole",
            ),
        ]
        indexes: ClassVar = [
            models.Index("next_mail_at", condition=Q(next_mail_at__isnull=False), name="notice_digest_due")
        ]

    def __str__(self) -> str:
        return self.style


class AccountNotices(models.Model):
    """What an account's notices have in common: when its people were last mailed, and the chat tool they use.

    `chat_url` is POSTed `{"text": …}` as chat tools understand it; `chat_error` is what its server said last, if not
    2xx.
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="notices")
    mailed_at = models.DateTimeField(null=True, blank=True)
    chat_url = models.CharField(max_length=2000, blank=True)
    chat_error = models.CharField(max_length=200, blank=True)
    chat_told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "account notices"

    def __str__(self) -> str:
        return str(self.account_id)


class DueNotice(models.Model):
    """A word of the house that is to be mailed about an event of the account, and gone once it is.

    `address`: the account's oversight address as of the event, where the word is for whoever it was.
    """

    event_id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    due_at = models.DateTimeField()
    address = models.CharField(max_length=254, blank=True, default="")
    failures_count = models.SmallIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index("due_at", name="due_notice_in_turn")]

    def __str__(self) -> str:
        return str(self.event_id)
