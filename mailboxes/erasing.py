"""What goes last: answers, counters, people, the log, the mailboxes, and the account with whatever hangs on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db.models import Model, QuerySet

from . import statements, tombstones
from .erasure import Scope, Step, Waiting, register
from .models import AccessEntry, Account, Event, IdempotentAnswer, Mailbox, Member, Usage, User
from .signals import mailboxes_erased

SESSION_OF = "_auth_user_id"
# Of the logs one batch may take more: its rows are small, and nothing hangs on them.
EVENTS_AT_ONCE = 2000
ERASE_EVENTS = "SELECT mailboxes_erase_events(%(account)s, %(most)s)"


def some_of(rows: QuerySet[Any], limit: int) -> int:
    """Delete up to `limit` of the rows, with what hangs on them; how many of them there were."""
    found = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
    if found:
        rows.model._default_manager.filter(pk__in=found).only("pk").delete()
    return len(found)


def _answers(scope: Scope, limit: int) -> int:
    return some_of(IdempotentAnswer.objects.filter(scope=str(scope.account_id)), limit)


def _usage(scope: Scope, limit: int) -> int:
    return some_of(Usage.objects.filter(account_id=scope.account_id), limit)


def _calls(scope: Scope, limit: int) -> int:
    return some_of(AccessEntry.objects.filter(account_id=scope.account_id), EVENTS_AT_ONCE)


def _members(scope: Scope, limit: int) -> int:
    """The members, with those of them who are nobody elsewhere, their sessions, and their wrong passwords."""
    members = list(Member.objects.filter(account_id=scope.account_id).order_by("pk")[:limit])
    if not members:
        return 0
    _forget_log_entries(members)
    Member.objects.filter(pk__in=[member.pk for member in members]).delete()
    user_ids = [member.user_id for member in members]
    people = list(User.objects.filter(pk__in=user_ids, memberships__isnull=True, is_staff=False))
    if people:
        emails = [user.email for user in people]
        AccessAttempt.objects.filter(username__in=emails).delete()
        AccessLog.objects.filter(username__in=emails).delete()
        _forget_log_entries(people)
        _end_sessions({str(user.pk) for user in people})
        User.objects.filter(pk__in=[user.pk for user in people]).delete()
    return len(members)


def _events(scope: Scope, limit: int) -> int:
    if not Event.objects.filter(account_id=scope.account_id).exists():
        return 0
    ((count,),) = statements.run(ERASE_EVENTS, {"account": scope.account_id, "most": EVENTS_AT_ONCE})
    return int(count)


def _mailboxes(scope: Scope, limit: int) -> int:
    boxes = list(Mailbox.objects.filter(account_id=scope.account_id).order_by("pk")[:limit])
    if boxes:
        tombstones.lay(box.full_address for box in boxes)
        mailboxes_erased.send(sender=Mailbox, mailboxes=boxes)
        _forget_log_entries(boxes)
        Mailbox.objects.filter(pk__in=[box.pk for box in boxes]).delete()
    return len(boxes)


def _account(scope: Scope, limit: int) -> int:
    account = Account.objects.filter(pk=scope.account_id).first()
    if account is None:
        return 0
    if Account.objects.filter(test_of=account).exists():
        raise Waiting  # its test data goes by an erasure of its own
    # The id too: that its log is gone is then no fault of the log (`audit.verification`).
    tombstones.lay([account.slug, str(account.pk)])
    _forget_log_entries([account])
    Account.objects.filter(pk=account.pk).delete()  # agents, keys, domains, limits: whatever hangs on it
    return 1


def _mailbox(scope: Scope, limit: int) -> int:
    """Of a mailbox alone the row stays, which holds its address, and loses the words that people gave it."""
    if scope.mailbox_id is not None:
        boxes = Mailbox.objects.filter(pk=scope.mailbox_id)
        mailboxes_erased.send(sender=Mailbox, mailboxes=list(boxes))
        boxes.update(display_name="", metadata={})
    return 0  # the end: it is reached when nothing else is left


def _end_sessions(user_ids: set[str]) -> None:
    # No index knows whose a session is: each is looked into.
    theirs = [session.pk for session in Session.objects.iterator() if session.get_decoded().get(SESSION_OF) in user_ids]
    Session.objects.filter(pk__in=theirs).delete()


def _forget_log_entries(rows: Iterable[Model]) -> None:
    """What operators did to them in Django admin; its log names things by their slugs and addresses."""
    LogEntry.objects.filter(object_id__in=[str(row.pk) for row in rows]).delete()


register(
    Step("answers", _answers),
    Step("usage", _usage),
    Step("calls", _calls),
    Step("members", _members),
    Step("events", _events),
    Step("mailboxes", _mailboxes),
    Step("account", _account),
    Step("mailbox", _mailbox, of_mailbox=True),
)
