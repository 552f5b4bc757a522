"""What members want to hear, and where an account's chat tool listens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from mailboxes import events
from mailboxes.errors import Forbidden, Invalid
from mailboxes.models import Member
from messaging import safe_http

from . import notice_times
from .models import AccountNotices, NoticeSettings, NoticeStyle

FIELDS = ("style", "escalates", "daily_at", "quiet_from", "quiet_to", "zone", "names_subject")


def of(member: Member) -> NoticeSettings:
    """What the member chose, or the defaults in a row that is not stored."""
    chosen: NoticeSettings | None = getattr(member, "notice_settings", None)
    return chosen or NoticeSettings(member=member)


def choose(member: Member, wishes: Mapping[str, Any], *, now: datetime) -> NoticeSettings:
    """Keep the member's wishes; `wishes` has all of FIELDS."""
    chosen = NoticeSettings(member=member, **{name: wishes[name] for name in FIELDS})
    if chosen.style == NoticeStyle.DIGEST:
        chosen.next_mail_at = notice_times.next_digest(chosen, now=now)
    chosen.save()
    return chosen


def chat_url(member: Member) -> str:
    """Where the account's chat tool listens, "" where it has none."""
    return AccountNotices.objects.filter(account=member.account_id).values_list("chat_url", flat=True).first() or ""


def set_chat(member: Member, url: str, *, now: datetime) -> None:
    """Tell the account's chat tool of what waits from now on; "" ends it. Raises Forbidden, Invalid (url_refused)."""
    if not member.may_manage:
        raise Forbidden("Only an owner or admin names the account's chat tool.", code="not_manager")
    if url:
        try:
            safe_http.check_url(url, allow=safe_http.webhook_receivers())
        except safe_http.Refused as refused:
            raise Invalid(f"This URL can't be used: {refused}", code="url_refused", fix="Use https.") from refused
    with transaction.atomic():
        AccountNotices.objects.update_or_create(
            account_id=member.account_id, defaults={"chat_url": url, "chat_error": ""}
        )
        data = {"by": f"member:{member.pk}", "is_on": bool(url)}
        events.record(member.account_id, "notices.chat_changed", subject=str(member.account_id), data=data, now=now)
