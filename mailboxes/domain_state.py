"""What becomes of a domain by what a look at the DNS found: flags, status, key rotation, freezing, events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from . import dkim_keys, events
from .errors import NotFound
from .events import Happening
from .models import DkimKey, Domain, DomainStatus, Mailbox, MailboxStatus
from .record_checks import RecordCheck

WAITING_EVERY = timedelta(minutes=5)
DRIFTED_EVERY = timedelta(hours=1)
VERIFIED_EVERY = timedelta(days=1)
CLAIMED_FOR = timedelta(seconds=15)
# The reason of a mailbox that is suspended because its domain is frozen; others are left as they are.
LOST = "domain_lost"

FLAGS = {
    "mx_verified": ("mx",),
    "spf_verified": ("spf", "sendMx"),  # one is worth nothing without the other: the return path
    "dkim_verified": ("dkim",),
    "dmarc_verified": ("dmarc",),
    "is_ownership_verified": ("ownership",),
}


def claim(domain: Domain, *, now: datetime) -> bool:
    """Whether the caller is the one who looks now. Ends with `apply`, or after 15 seconds."""
    free = Domain.objects.filter(Q(claimed_until__isnull=True) | Q(claimed_until__lt=now), deleted_at__isnull=True)
    return bool(free.filter(pk=domain.pk).update(claimed_until=now + CLAIMED_FOR))


def apply(domain: Domain, checks: Sequence[RecordCheck], *, now: datetime) -> Domain:
    """The domain as it stands after a look at `now`. Raises NotFound if it was deleted meanwhile."""
    with transaction.atomic():
        kept = Domain.objects.filter(pk=domain.pk, deleted_at__isnull=True, account__departed_at__isnull=True)
        locked = kept.select_for_update(of=("self",)).first()
        if locked is None:
            raise NotFound("domain")
        happened = [] if locked.is_platform else _judged(locked, checks, now=now)
        happened += dkim_keys.advance(locked, _standing_keys(locked, checks), now=now)
        locked.checks = [check.as_json() for check in checks]
        locked.checked_at, locked.claimed_until = now, None
        locked.check_due_at = _next_look(locked, now=now)
        locked.save()
        events.record_all(locked.account_id, happened, now=now)
    return locked


def has_drifted(domain: Domain) -> bool:
    """Whether a verified domain's records are no longer all as they must be."""
    return domain.status == DomainStatus.VERIFIED and bool(domain.failing)


def _judged(domain: Domain, checks: Sequence[RecordCheck], *, now: datetime) -> list[Happening]:
    needed = _needed(domain, checks)
    before, was_verified = set(domain.failing), domain.status == DomainStatus.VERIFIED
    failing = {one.label for one in needed if not one.is_ok and (one.is_known or one.label in before)}
    domain.failing = sorted(failing)
    _raise_flags(domain, needed)
    _move(domain, needed, now=now)
    happened = []
    if domain.status == DomainStatus.VERIFIED and not was_verified:
        happened.append(_happening(domain, "domain.verified"))
    elif failing != before:
        kind = "domain.recovered" if not failing else "domain.drifted" if was_verified else "domain.check_failed"
        happened.append(_happening(domain, kind, failing=domain.failing))
    if domain.status == DomainStatus.VERIFIED:
        _note_return_path(domain, needed)
        happened += _proved(domain, checks, now=now)
    return happened


def _needed(domain: Domain, checks: Sequence[RecordCheck]) -> list[RecordCheck]:
    """Without the records of new keys: nothing is signed with them until they stand there."""
    new = set(DkimKey.objects.filter(domain=domain, activated_at__isnull=True).values_list("selector", flat=True))
    return [check for check in checks if check.name != "dkim" or check.selector not in new]


def _raise_flags(domain: Domain, needed: Sequence[RecordCheck]) -> None:
    for flag, names in FLAGS.items():
        if all(check.is_ok for check in needed if check.name in names):
            setattr(domain, flag, True)


def _move(domain: Domain, needed: Sequence[RecordCheck], *, now: datetime) -> None:
    if domain.status == DomainStatus.VERIFIED:
        return
    is_proved_now = all(check.is_ok for check in needed if check.name == "ownership")
    if is_proved_now and all(getattr(domain, flag) for flag in FLAGS):
        _try_to_verify(domain, now=now)
    elif domain.created_at <= now - timedelta(days=settings.DOMAIN_PENDING_DAYS):
        domain.status = DomainStatus.FAILED


def _try_to_verify(domain: Domain, *, now: datetime) -> None:
    """Who proves it first has it: the database lets one account have a verified domain of this name."""
    try:
        with transaction.atomic():
            Domain.objects.filter(pk=domain.pk).update(status=DomainStatus.VERIFIED)
    except IntegrityError:
        domain.status = DomainStatus.DNS_VERIFIED
    else:
        domain.status, domain.verified_at = DomainStatus.VERIFIED, now


def _note_return_path(domain: Domain, needed: Sequence[RecordCheck]) -> None:
    checks = [check for check in needed if check.name in FLAGS["spf_verified"]]
    if all(check.is_known for check in checks):
        domain.takes_bounces = all(check.is_ok for check in checks)


def _proved(domain: Domain, checks: Sequence[RecordCheck], *, now: datetime) -> list[Happening]:
    """Freeze sending from a domain that has been somebody else's for days, and let it go on when the proof is back.

    The token proves it, and so does a key that nobody else was given. Without an answer nothing is concluded.
    """
    proofs = [check for check in checks if check.name in ("ownership", "dkim")]
    if any(check.is_ok and not check.found.is_alias for check in proofs):
        domain.unproven_since = None
    elif all(check.is_known for check in proofs):
        domain.unproven_since = domain.unproven_since or now
    was_frozen = domain.frozen_at is not None
    if domain.unproven_since is None:
        domain.frozen_at = None
    elif domain.unproven_since <= now - timedelta(days=settings.DOMAIN_FREEZE_DAYS):
        domain.frozen_at = domain.frozen_at or now
    if domain.frozen_at is not None:
        _suspend(domain, now=now)
        return [] if was_frozen else [_happening(domain, "domain.frozen")]
    if was_frozen:
        _resume(domain, now=now)
        return [_happening(domain, "domain.thawed")]
    return []


def _suspend(domain: Domain, *, now: datetime) -> None:
    Mailbox.objects.filter(domain=domain, status=MailboxStatus.ACTIVE, deleted_at__isnull=True).update(
        status=MailboxStatus.SUSPENDED, suspended_reason=LOST, suspended_at=now, updated_at=now
    )


def _resume(domain: Domain, *, now: datetime) -> None:
    Mailbox.objects.filter(domain=domain, status=MailboxStatus.SUSPENDED, suspended_reason=LOST).update(
        status=MailboxStatus.ACTIVE, suspended_reason="", suspended_at=None, updated_at=now
    )


def _standing_keys(domain: Domain, checks: Sequence[RecordCheck]) -> set[UUID]:
    selectors = [check.selector for check in checks if check.name == "dkim" and check.is_ok]
    return set(DkimKey.objects.filter(domain=domain, selector__in=selectors).values_list("pk", flat=True))


def _next_look(domain: Domain, *, now: datetime) -> datetime | None:
    if dkim_keys.is_waiting(domain):
        return now + WAITING_EVERY
    if domain.is_platform:  # the doctor looks at its records
        return now + VERIFIED_EVERY if dkim_keys.is_overlapping(domain) else None
    if domain.status == DomainStatus.FAILED:
        return None
    if domain.status == DomainStatus.PENDING_VERIFICATION:
        return now + WAITING_EVERY
    if domain.status == DomainStatus.DNS_VERIFIED or has_drifted(domain):
        return now + DRIFTED_EVERY
    return now + VERIFIED_EVERY


def _happening(domain: Domain, kind: str, **facts: object) -> Happening:
    return Happening(kind, str(domain.pk), {"domain_id": str(domain.pk), "name": domain.name, **facts})
