"""Domains of accounts, and the platform's own: added, found, deleted. What the DNS says of them: `domain_state`."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from . import dkim_keys, domain_names, events, quotas
from .errors import Conflict, Forbidden, LimitReached, NotFound
from .ids import parse_id
from .models import Account, DkimKey, Domain, DomainStatus, LimitKind, Mailbox
from .models.limit import NONE


def create_platform_domain(account: Account, *, now: datetime) -> Domain:
    """The platform's domain with its first DKIM keys, verified by definition: this server is its authority."""
    domain = Domain.objects.create(
        account=account, name=settings.PLATFORM_DOMAIN, is_platform=True, status=DomainStatus.VERIFIED, verified_at=now
    )
    dkim_keys.create_pair(domain, activated_at=now)
    return domain


def create_test_domain(account: Account, *, now: datetime) -> Domain:
    """Where test accounts have their mailboxes. Not published: mail between them loops back inside."""
    domain = Domain.objects.create(
        account=account, name=settings.TEST_DOMAIN, is_platform=True, is_test=True, status=DomainStatus.VERIFIED
    )
    dkim_keys.create_pair(domain, activated_at=now)
    return domain


def add(account: Account, asked: str, *, now: datetime) -> Domain:
    """A domain of the account's own, to be verified. Raises Invalid (its name), Forbidden (the plan) or Conflict.

    Somebody else may have it here too: who proves first that it is theirs has it.
    """
    name = domain_names.canonical(asked)
    with transaction.atomic():
        _take_place(account, now=now)
        domain = _insert(account, name, now=now)
        dkim_keys.create_pair(domain, activated_at=now)
        data = {"domain_id": str(domain.pk), "name": name}
        events.record(account, "domain.added", subject=str(domain.pk), data=data, now=now)
    return domain


def of_account(account: Account) -> QuerySet[Domain]:
    """The account's own domains."""
    return Domain.objects.filter(account=account, is_platform=False, deleted_at__isnull=True)


def get(account: Account, domain_id: object) -> Domain:
    """The account's domain of that id. Raises NotFound for anything else, also malformed."""
    parsed = parse_id(domain_id)
    domain = of_account(account).prefetch_related("dkim_keys").filter(pk=parsed).first() if parsed else None
    if domain is None:
        raise NotFound("domain")
    return domain


def delete(domain: Domain, *, by: str, now: datetime) -> None:
    """Let go of a domain and destroy its keys. Raises Conflict while it has mailboxes.

    So nothing can wait to be sent from it: what waits belongs to a mailbox, and goes with that.
    """
    counter = quotas.Counter(LimitKind.DOMAINS, domain.account_id)
    with transaction.atomic():
        quotas.lock(counter, taken_at=now)  # first, as when a domain is added: the two may be about one name
        # Waits for whoever makes a mailbox on it, and lets nobody begin to (`mailbox.create` holds the row, too).
        if Domain.objects.select_for_update().filter(pk=domain.pk, deleted_at__isnull=True).first() is None:
            raise NotFound("domain")
        if Mailbox.objects.filter(domain=domain, deleted_at__isnull=True).exists():
            raise Conflict("The domain still has mailboxes.", code="domain_in_use", fix="Delete its mailboxes first.")
        _remove(domain, now=now)
        quotas.give_back(counter, 1, taken_at=now)
        data = {"domain_id": str(domain.pk), "name": domain.name, "by": by}
        events.record(domain.account_id, "domain.deleted", subject=str(domain.pk), data=data, now=now)


def let_go(account: Account, *, now: datetime) -> None:
    """Give up all domains of an account that is deleted, in the caller's transaction: somebody else may prove them."""
    mine = of_account(account)
    DkimKey.objects.filter(domain__in=mine).delete()
    count = mine.update(deleted_at=now, check_due_at=None, updated_at=now, checks=[])
    quotas.give_back(quotas.Counter(LimitKind.DOMAINS, account.pk), count, taken_at=now)


def _take_place(account: Account, *, now: datetime) -> None:
    try:
        quotas.take(account, LimitKind.DOMAINS, 1, now=now)
    except LimitReached as error:
        has_none = quotas.limits_of(account)[LimitKind.DOMAINS] == NONE
        sentence = "This plan has no domains of its own." if has_none else error.sentence
        raise Forbidden(sentence, code="domain_limit", fix=quotas.UPGRADE, upgrade=quotas.UPGRADE) from error


def _insert(account: Account, name: str, *, now: datetime) -> Domain:
    try:
        with transaction.atomic():
            return Domain.objects.create(
                account=account,
                name=name,
                ownership_token=secrets.token_urlsafe(24),
                check_due_at=now,
                created_at=now,
            )
    except IntegrityError as error:
        raise Conflict(
            "Your account has this domain already.", code="domain_taken", fix="GET /v1/domains lists it."
        ) from error


def _remove(domain: Domain, *, now: datetime) -> None:
    """Its row stays only where deleted mailboxes point to it."""
    if Mailbox.objects.filter(domain=domain).exists():
        domain.dkim_keys.all().delete()
        Domain.objects.filter(pk=domain.pk).update(deleted_at=now, check_due_at=None, updated_at=now, checks=[])
    else:
        Domain.objects.filter(pk=domain.pk).delete()
