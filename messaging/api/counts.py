"""Counts of mail for what accounts and mailboxes tell of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Count

from mailboxes.api.views.account import AccountView, MailToday
from mailboxes.api.views.mailboxes import Mailboxes
from mailboxes.models import Account, Mailbox
from messaging.models import Direction, Message, Recipient, RecipientState
from messaging.visibility import RECEIVED


class CountedAccountView(AccountView):
    """The account with its mail of today."""

    def mail_today(self, account: Account) -> MailToday:
        today = self.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        messages = Message.objects.filter(account=account, created_at__gte=today)
        bounced = Recipient.objects.filter(
            state=RecipientState.BOUNCED,
            message__account=account,
            message__created_at__gte=today,
            message__direction=Direction.OUTBOUND,
        )
        return MailToday(received=messages.filter(RECEIVED).count(), bounced=bounced.count())


class CountedMailboxes(Mailboxes):
    """Mailboxes with what each has received this month."""

    def received_this_month(self, boxes: Sequence[Mailbox]) -> Mapping[UUID, int]:
        return received_since(boxes, month_start(self.now))


def received_since(boxes: Sequence[Mailbox], since: datetime) -> Mapping[UUID, int]:
    """Visible received messages of each mailbox since then; mailboxes without any are left out."""
    rows = Message.objects.filter(RECEIVED, mailbox__in=boxes, created_at__gte=since)
    return dict(rows.values_list("mailbox_id").annotate(Count("pk")).order_by())


def month_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
