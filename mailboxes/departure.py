"""Deleting an account: gone at once for everybody; erased afterwards, piece by piece (`erasure`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from . import domains, events, known_keys, quotas, statements
from .errors import Gone, Invalid
from .models import Account, ApiKey, Erasure, LimitKind, Mailbox, Member, User
from .signals import account_departing

log = structlog.get_logger(__name__)

LOCK = "SELECT departed_at IS NOT NULL FROM mailboxes_account WHERE id = %(account)s FOR SHARE"


def depart(account: Account, *, by: str, now: datetime) -> bool:
    """Delete the account for good, with all that belongs to it, its test account included; False if that was done.

    When this has committed its keys and its members' sessions open nothing, nothing of it leaves any more (a delivery
    that has begun ends as it ends), its addresses are unknown to senders, and nobody else ever gets them. Lock order:
    mailboxes → accounts → keys → usage → event counters.
    """
    _check_may_go(account)
    with transaction.atomic():
        of_both = Q(account=account) | Q(account__test_of=account)
        alive = Mailbox.objects.filter(of_both, deleted_at__isnull=True)
        list(alive.select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk", flat=True))
        # Waits for claims and for new mailboxes, which hold the account FOR SHARE, and for whoever makes the test
        # account: none of them comes after this.
        if not _mark(account, now=now):
            return False
        went = [account, *(twin for twin in Account.objects.filter(test_of=account) if _mark(twin, now=now))]
        ApiKey.objects.filter(account__in=went, revoked_at__isnull=True).update(revoked_at=now)
        _shut_out(went)
        for one in went:
            _close(one, by=by, now=now)
        known_keys.forget_on_commit()
    # By its id alone: who restores a backup finds here what has to be deleted again.
    log.warning("account.deleted", account=str(account.pk))
    account.departed_at = now
    return True


def _check_may_go(account: Account) -> None:
    if account.is_platform:
        raise Invalid(
            "The platform's own account can't be deleted.", code="platform_account", fix="Choose another one."
        )
    if account.is_test:
        raise Invalid(
            "Test data goes with its account, not alone.", code="test_account", fix="Delete the account itself."
        )


def _mark(account: Account, *, now: datetime) -> bool:
    return bool(Account.objects.filter(pk=account.pk, departed_at__isnull=True).update(departed_at=now))


def _close(account: Account, *, by: str, now: datetime) -> None:
    boxes = Mailbox.objects.filter(account=account, deleted_at__isnull=True)
    count = boxes.update(deleted_at=now, updated_at=now)
    quotas.give_back(quotas.Counter(LimitKind.MAILBOXES, account.pk), count, taken_at=now)
    domains.let_go(account, now=now)
    account_departing.send(sender=Account, account=account, now=now)
    last = events.record(account, "account.deleted", subject=str(account.pk), data={"by": by}, now=now)
    begin_erasure(account.pk, last_hash=last.hash, now=now)


def begin_erasure(account_id: UUID, *, mailbox_id: UUID | None = None, last_hash: str = "", now: datetime) -> None:
    """Have the account, or the mail of one mailbox, erased once DELETION_DELAY_DAYS are over."""
    due_at = now + timedelta(days=settings.DELETION_DELAY_DAYS)
    Erasure.objects.create(
        account_id=account_id, mailbox_id=mailbox_id, begun_at=now, due_at=due_at, last_hash=last_hash
    )


def check_here(account: Account) -> None:
    """Refuse to make something for an account that was deleted; until the transaction ends, it is not.

    Takes the account's lock, shared: ask before anything else is locked but mailboxes.
    """
    if statements.run(LOCK, {"account": account.pk}) != [(False,)]:
        raise Gone("This account was deleted.", code="account_deleted", fix="Sign up again.")


def has_left(user: User) -> bool:
    """Whether all accounts of this user, of at least one, were deleted."""
    members = Member.objects.filter(user=user)
    return members.exists() and not members.filter(account__departed_at__isnull=True).exists()


def _shut_out(accounts: Sequence[Account]) -> None:
    """Close every door to those who belong to no other account; sessions, links and keys of theirs with them."""
    elsewhere = Member.objects.filter(account__departed_at__isnull=True).values("user")
    people = User.objects.filter(memberships__account__in=accounts, is_staff=False).exclude(pk__in=elsewhere)
    User.objects.filter(pk__in=people.values("pk")).update(is_active=False)
