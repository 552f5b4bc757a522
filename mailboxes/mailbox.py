"""Mailboxes: created, changed, moved between oversight modes, deleted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from . import billing_pauses, departure, display_names, events, quotas, tombstones
from .errors import Conflict, Forbidden, Invalid, LimitReached, NotFound
from .models import Account, Agent, Domain, DomainStatus, LimitKind, Mailbox, MailboxStatus
from .modes import OversightMode, stricter

LOCAL_PART = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,63}(?<!\.)$")
METADATA_PAIRS = 50
METADATA_LENGTH = 500


@dataclass(frozen=True, slots=True)
class NewMailbox:
    """What is asked of a new mailbox. `mode` None means the setting DEFAULT_MODE."""

    address: str
    domain: Domain
    agent: Agent | None = None
    display_name: str = ""
    mode: OversightMode | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def create(account: Account, asked: NewMailbox, *, now: datetime) -> Mailbox:
    """A new mailbox, active at once. Raises Invalid, Conflict (address taken) or Forbidden (limit of the plan)."""
    _check_new(asked)
    mailbox = Mailbox(
        account=account,
        agent=asked.agent,
        domain=asked.domain,
        address=asked.address,
        full_address=f"{asked.address}@{asked.domain.name}".lower(),
        display_name=display_names.check(asked.display_name),
        mode=_mode(asked),
        metadata=dict(asked.metadata),
        created_at=now,
    )
    with transaction.atomic():
        _hold_domain(asked.domain)
        departure.check_here(account)
        _take_place(account, now=now)
        _insert(mailbox)
        data = {"mailbox_id": str(mailbox.pk), "address": mailbox.full_address, "mode": str(mailbox.mode)}
        events.record(account, "mailbox.created", subject=str(mailbox.pk), data=data, now=now, mailbox_id=mailbox.pk)
    return mailbox


def change(
    mailbox: Mailbox,
    *,
    display_name: str | None = None,
    status: str | None = None,
    metadata: Mapping[str, str] | None = None,
    by: str = "",
    now: datetime,
) -> Mailbox:
    """Change what the mailbox's own agent may change; None leaves a value as it is. `by` names an operator."""
    changed: list[str] = []
    with transaction.atomic():
        mailbox.refresh_from_db(from_queryset=Mailbox.objects.select_for_update(no_key=True))
        if display_name is not None:
            mailbox.display_name = display_names.check(display_name)
            changed.append("display_name")
        if status is not None and status != mailbox.status:
            changed += _change_status(mailbox, status)
        if metadata is not None:
            check_metadata(metadata)
            mailbox.metadata = dict(metadata)
            changed.append("metadata")
        if changed:
            mailbox.save(update_fields=[*changed, "updated_at"])
            data = {"mailbox_id": str(mailbox.pk), "changed": sorted(changed), "status": mailbox.status}
            if by:
                data["by"] = by
            events.record(
                mailbox.account_id,
                "mailbox.changed",
                subject=str(mailbox.pk),
                data=data,
                now=now,
                mailbox_id=mailbox.pk,
            )
    return mailbox


def set_mode(mailbox: Mailbox, mode: OversightMode, *, by: str, reason: str = "", now: datetime) -> bool:
    """Set the oversight mode; False if it was that already. What waits for a decision goes on waiting.

    `by` names the human or operator: no key may call this. An operator who loosens it says a `reason`.
    """
    with transaction.atomic():
        # NO KEY: whoever holds the event counter writes rows that name the mailbox, and would wait for us.
        old = Mailbox.objects.select_for_update(no_key=True).values_list("mode", flat=True).get(pk=mailbox.pk)
        if old == mode:
            return False
        Mailbox.objects.filter(pk=mailbox.pk).update(mode=mode, mode_since=now, updated_at=now)
        mailbox.mode, mailbox.mode_since = mode, now
        data = {"mailbox_id": str(mailbox.pk), "from": old, "to": str(mode), "by": by}
        if reason:
            data["reason"] = reason
        events.record(
            mailbox.account_id,
            "mailbox.mode_changed",
            subject=str(mailbox.pk),
            data=data,
            now=now,
            mailbox_id=mailbox.pk,
        )
    return True


def set_floor(mailbox: Mailbox, floor: OversightMode | None, *, by: str, reason: str = "", now: datetime) -> bool:
    """Set how strict at least sends are that a received mail made the agent do; None: no floor. False if it was that.

    `by` names the human or operator: no key may call this.
    """
    with transaction.atomic():
        old = Mailbox.objects.select_for_update(no_key=True).values_list("floor", flat=True).get(pk=mailbox.pk)
        if old == floor:
            return False
        Mailbox.objects.filter(pk=mailbox.pk).update(floor=floor, updated_at=now)
        mailbox.floor = floor
        data = {"mailbox_id": str(mailbox.pk), "from": old, "to": floor, "by": by}
        if reason:
            data["reason"] = reason
        events.record(
            mailbox.account_id,
            "mailbox.floor_changed",
            subject=str(mailbox.pk),
            data=data,
            now=now,
            mailbox_id=mailbox.pk,
        )
    return True


def tighten(mailbox: Mailbox, mode: OversightMode, *, by: str, now: datetime) -> bool:
    """Set a stricter oversight mode, which an agent may do at any time; False if it was that already.

    Raises Forbidden (mode_not_stricter) for a freer one, and changes nothing.
    """
    with transaction.atomic():
        old = OversightMode(
            Mailbox.objects.select_for_update(no_key=True).values_list("mode", flat=True).get(pk=mailbox.pk)
        )
        if stricter(old, mode) != mode:
            raise Forbidden(
                f"The mailbox is {old}; a key makes its oversight stricter, never freer.",
                code="mode_not_stricter",
                fix='POST /v1/mailboxes/{id}/request-upgrade {"targetMode": …} asks your human for a code.',
            )
        return set_mode(mailbox, mode, by=by, now=now)


def delete(mailbox: Mailbox, *, by: str, now: datetime) -> None:
    """Hide the mailbox for good, and have its mail erased. What waits in it is cancelled by oversight's sweep
    and is claimed by nobody meanwhile. The row stays: it holds the address."""
    with transaction.atomic():
        if not Mailbox.objects.filter(pk=mailbox.pk, deleted_at__isnull=True).update(deleted_at=now, updated_at=now):
            return
        quotas.give_back(quotas.Counter(LimitKind.MAILBOXES, mailbox.account_id), 1, taken_at=now)
        data = {"mailbox_id": str(mailbox.pk), "by": by}
        events.record(
            mailbox.account_id, "mailbox.deleted", subject=str(mailbox.pk), data=data, now=now, mailbox_id=mailbox.pk
        )
        departure.begin_erasure(mailbox.account_id, mailbox_id=mailbox.pk, now=now)


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Refuse more than 50 pairs, long strings, and NUL, which no database keeps."""
    fits = len(metadata) <= METADATA_PAIRS and all(
        len(part) <= METADATA_LENGTH and "\x00" not in part for pair in metadata.items() for part in pair
    )
    if not fits:
        raise Invalid(
            "The metadata is too large.",
            code="invalid_metadata",
            fix=f"Send at most {METADATA_PAIRS} pairs of strings of up to {METADATA_LENGTH} characters.",
        )


def _check_new(asked: NewMailbox) -> None:
    if not LOCAL_PART.fullmatch(asked.address):
        raise Invalid(
            "This is not a usable address.",
            code="invalid_address",
            fix="Use 1 to 64 of letters, digits, '.', '_' and '-', beginning with a letter or digit.",
        )
    if asked.domain.status != DomainStatus.VERIFIED:
        raise Invalid(
            "The domain is not verified.", code="domain_not_verified", fix="POST /v1/domains/{id}/verify first."
        )
    check_metadata(asked.metadata)


def _mode(asked: NewMailbox) -> OversightMode:
    return asked.mode if asked.mode is not None else OversightMode(settings.DEFAULT_MODE)


def _take_place(account: Account, *, now: datetime) -> None:
    try:
        quotas.take(account, LimitKind.MAILBOXES, 1, now=now)
    except LimitReached as error:
        raise Forbidden(error.sentence, code="mailbox_limit", fix=quotas.UPGRADE, upgrade=quotas.UPGRADE) from error


def _insert(mailbox: Mailbox) -> None:
    taken = Conflict("This address is taken.", code="address_taken", fix="Choose another address.")
    others = Mailbox.objects.filter(full_address=mailbox.full_address).exclude(account=mailbox.account)
    if others.filter(domain=mailbox.domain).exists():
        raise taken  # on a shared domain a deleted mailbox of another account holds its address for good
    if mailbox.domain.is_platform and tombstones.is_laid(mailbox.full_address):
        raise taken  # and so does one of an account that is no more
    try:
        with transaction.atomic():
            mailbox.save(force_insert=True)
    except IntegrityError as error:
        raise taken from error


def _hold_domain(domain: Domain) -> None:
    """Nobody deletes or freezes it until the mailbox is there. The platform's own stays anyway."""
    if domain.is_platform:
        return
    # The foreign key alone would not do: it is looked at when the transaction ends.
    held = Domain.objects.select_for_update(no_key=True).filter(pk=domain.pk, deleted_at__isnull=True).first()
    if held is None:
        raise NotFound("domain")
    _check_not_frozen(held)


def _check_not_frozen(domain: Domain) -> None:
    if domain.frozen_at is not None:
        raise Forbidden(
            f"{domain.name} is frozen: for days its DNS has not shown that it is yours.",
            code="domain_frozen",
            fix="Publish its records again (GET /v1/domains/{id}), then POST /v1/domains/{id}/verify.",
        )


def _change_status(mailbox: Mailbox, status: str) -> list[str]:
    if status not in (MailboxStatus.ACTIVE, MailboxStatus.PAUSED):
        raise Invalid("The status may be ACTIVE or PAUSED.", code="invalid_status", fix="Send one of the two.")
    if mailbox.status == MailboxStatus.SUSPENDED:
        raise Forbidden(
            "This mailbox is suspended and can't be changed here.", code="mailbox_suspended", fix="Write to support."
        )
    if status == MailboxStatus.ACTIVE:
        billing_pauses.check_may_wake(mailbox)
        _check_not_frozen(mailbox.domain)
    mailbox.status = status
    changed = ["status", "paused_by_billing"] if mailbox.paused_by_billing else ["status"]
    mailbox.paused_by_billing = False
    return changed
