"""Permits: an agent asks for an act, a person of the account allows it by a mailed code or by a button.

The code reaches people only. Of an account it opens one act of one key: what was asked, to the letter.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from mailboxes import events, oversight_address, standing
from mailboxes.errors import Forbidden, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Mailbox, Member
from mailboxes.principals import Principal

from .models import Permit, PermitState
from .submission import PlatformMail, submit_platform

SALT = "gatepost.permit"
# Without I, O, 0 and 1: people read the code aloud. 32 characters, 30 bits in all.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
HALF = 3
OPEN = (PermitState.WAITING, PermitState.GRANTED)
BY_CODE, BY_WRONG_CODES = "code", "wrong codes"  # who ended it, where no member's id says so


@dataclass(frozen=True, slots=True)
class Act:
    """What is asked for. `asked` are all the values that it will be done with; `summary` says them to people."""

    name: str
    asked: Mapping[str, object]
    summary: str
    mailbox: Mailbox | None = None
    target_mode: str = ""


def ask(actor: Principal, act: Act, *, life: timedelta, now: datetime) -> Permit:
    """As `ask_beside`, and an earlier request for the same thing is void from now on, allowed or not.

    The caller holds the row that orders the requests.
    """
    earlier = of(actor).filter(act=act.name, mailbox=act.mailbox, state__in=OPEN)
    earlier.update(state=PermitState.REPLACED, ended_at=now)
    return ask_beside(actor, act, life=life, now=now)


def ask_beside(actor: Principal, act: Act, *, life: timedelta, now: datetime) -> Permit:
    """Mail a fresh code to the account's oversight address. Raises Forbidden where nobody could be asked."""
    address = oversight_address.find(actor.account)
    if address is None:
        raise standing.not_verified()
    code = _fresh_code()
    permit = draft(actor, act, expires_at=now + life, now=now)
    permit.tries_left = settings.PERMIT_TRIES
    permit.digest = _digest(permit, code)
    permit.save(force_insert=True)
    record(permit, "permit.asked", now=now, by=actor.identity)
    # Here and not by a sweep: the code is kept nowhere else. The house's counter is the last one that any transaction
    # locks (`events.in_lock_order`), so nobody who holds it waits for ours.
    submit_platform(_mail(permit, address, code), now=now)
    return permit


def draft(actor: Principal, act: Act, *, expires_at: datetime, now: datetime) -> Permit:
    """Who asks for what, in a row that is not stored and opens nothing yet."""
    return Permit(
        account=actor.account,
        mailbox=act.mailbox,
        key=actor.key,
        asked_by=actor.identity,
        act=act.name,
        action_hash=hash_of(actor, act),
        target_mode=act.target_mode,
        summary=act.summary,
        tries_left=0,
        asked_at=now,
        expires_at=expires_at,
    )


@dataclass(frozen=True, slots=True)
class Try:
    """One try at a code, counted already and for good; None where no request waits for one."""

    permit_id: UUID | None


def begin_try(actor: Principal, act_name: str, *, mailbox: Mailbox | None = None, now: datetime) -> Try:
    """Count one try of this key at the code that it was asked for; committed on return, so not inside a transaction
    that may be taken back: whoever guesses in parallel has PERMIT_TRIES guesses all the same.
    """
    with transaction.atomic():
        permit = _newest_waiting(actor, act_name, mailbox=mailbox, now=now)
        if permit is None or not permit.tries_left:
            return Try(None)
        permit.tries_left -= 1
        permit.save(update_fields=["tries_left"])
        return Try(permit.pk)


def redeem(actor: Principal, attempt: Try, code: str, *, now: datetime) -> Permit:
    """The permit that this code opens, used up. Call it inside the transaction that does the act.

    Raises NotFound where nothing waits for a code of this key, and WrongCode.
    """
    mine = of(actor).select_for_update().filter(state=PermitState.WAITING, expires_at__gt=now)
    permit = mine.filter(pk=attempt.permit_id).first() if attempt.permit_id else None
    if permit is None:
        raise NotFound("request that waits for a code")
    if not is_right(permit, code):
        raise WrongCode(permit)
    end(permit, PermitState.USED, now=now, by=BY_CODE)
    return permit


def take_granted(actor: Principal, act_name: str, *, mailbox: Mailbox, now: datetime) -> Permit | None:
    """The permit that a person's button opened, used up; None without one. Inside the transaction that does the act."""
    granted = of(actor).filter(act=act_name, mailbox=mailbox, state=PermitState.GRANTED, expires_at__gt=now)
    permit = granted.select_for_update().order_by("-asked_at").first()
    if permit is not None:
        end(permit, PermitState.USED, now=now, by=permit.ended_by)
    return permit


def is_right(permit: Permit, code: str) -> bool:
    """Whether it is the code that was mailed; compared in constant time."""
    return constant_time_compare(permit.digest, _digest(permit, code))


class WrongCode(Forbidden):
    """The code is another one."""

    def __init__(self, permit: Permit) -> None:
        left = permit.tries_left
        super().__init__(
            "The code is not right.",
            code="wrong_code",
            fix=f"Ask your human to read it out again; {left} more tries." if left else "Ask for a new one.",
        )
        self.permit = permit


def end_if_spent(permit: Permit, *, now: datetime) -> None:
    """After a wrong code: with no try left the request is refused."""
    with transaction.atomic():
        spent = Permit.objects.select_for_update().filter(pk=permit.pk, state=PermitState.WAITING, tries_left=0).first()
        if spent is not None:
            end(spent, PermitState.REFUSED, now=now, by=BY_WRONG_CODES)


def waiting(account_id: UUID, *, now: datetime) -> QuerySet[Permit]:
    """What waits for a person of the account, newest first; of mailboxes that are gone nothing does."""
    is_there = Q(mailbox__isnull=True) | Q(mailbox__deleted_at__isnull=True)
    found = Permit.objects.filter(is_there, account_id=account_id, state=PermitState.WAITING, expires_at__gt=now)
    return found.select_related("mailbox", "key", "key__agent").order_by("-asked_at")


def get_waiting(account_id: UUID, permit_id: UUID, *, now: datetime) -> Permit:
    """One of them. Raises NotFound for any other."""
    found = waiting(account_id, now=now).filter(pk=permit_id).first()
    if found is None:
        raise NotFound("request that waits")
    return found


def grant(member: Member, permit_id: object, *, second_step_at: datetime | None, now: datetime) -> Permit:
    """Allow it by a button: the same call of the same key, repeated without a code, does it then.

    Raises Forbidden (not_manager; second_step_required for whoever has not just proven who they are), and NotFound.
    """
    check_manages(member)
    since = now - timedelta(minutes=settings.SECOND_STEP_MINUTES)
    if second_step_at is None or not since <= second_step_at <= now:
        raise Forbidden(
            "This is allowed after a second step only: your code, or your password again.",
            code="second_step_required",
            fix="Prove it in the console, and allow it there.",
        )
    permit = _decide(member, permit_id, PermitState.GRANTED, now=now)
    Permit.objects.filter(pk=permit.pk).update(granted_by=member)
    return permit


def refuse(member: Member, permit_id: object, *, now: datetime) -> Permit:
    """Refuse it: the code in the mail opens nothing any more."""
    check_manages(member)
    return _decide(member, permit_id, PermitState.REFUSED, now=now)


def hash_of(actor: Principal, act: Act) -> str:
    """SHA-256 over who asks for what: account, key, act, mailbox and every value."""
    said = {
        "account": actor.account.pk,
        "key": actor.key.pk if actor.key else None,
        "act": act.name,
        "mailbox": act.mailbox.pk if act.mailbox else None,
        "asked": dict(act.asked),
    }
    return hashlib.sha256(events.canonical(said).encode()).hexdigest()


def check_manages(member: Member) -> None:
    """Refuse whoever is neither owner nor admin."""
    if not member.may_manage:
        raise Forbidden("Only an owner or admin allows this.", code="not_manager", fix="Ask one of them.")


def of(actor: Principal) -> QuerySet[Permit]:
    """The permits of this very key; of a session, those of its agent that no key asked for."""
    return Permit.objects.filter(account=actor.account, key=actor.key, asked_by=actor.identity)


def _newest_waiting(actor: Principal, act_name: str, *, mailbox: Mailbox | None, now: datetime) -> Permit | None:
    waits = of(actor).filter(act=act_name, mailbox=mailbox, state=PermitState.WAITING, expires_at__gt=now)
    return waits.select_for_update().order_by("-asked_at").first()


def _decide(member: Member, permit_id: object, state: PermitState, *, now: datetime) -> Permit:
    parsed = parse_id(permit_id)
    with transaction.atomic():
        mine = Permit.objects.select_for_update().filter(account_id=member.account_id, state=PermitState.WAITING)
        permit = mine.filter(pk=parsed, expires_at__gt=now).first() if parsed else None
        if permit is None:
            raise NotFound("request that waits")
        end(permit, state, now=now, by=f"member:{member.pk}")
    return permit


def end(permit: Permit, state: PermitState, *, now: datetime, by: str) -> None:
    """It waits no longer. The caller holds its lock."""
    permit.state, permit.ended_at, permit.ended_by = state, now, by
    permit.save(update_fields=["state", "ended_at", "ended_by"])
    record(permit, f"permit.{state.value}", now=now, by=by)


def record(permit: Permit, kind: str, *, now: datetime, by: str) -> None:
    """One event about it, in its account's log."""
    data = {"permit_id": str(permit.pk), "act": permit.act, "by": by}
    if permit.key_id:
        data["key_id"] = str(permit.key_id)
    if permit.target_mode:
        data["to"] = permit.target_mode
    events.record(permit.account_id, kind, subject=str(permit.pk), data=data, now=now, mailbox_id=permit.mailbox_id)


def _fresh_code() -> str:
    letters = [secrets.choice(ALPHABET) for _ in range(2 * HALF)]
    return f"{''.join(letters[:HALF])}-{''.join(letters[HALF:])}"


def _digest(permit: Permit, code: str) -> str:
    spoken = "".join(letter for letter in code.upper() if letter in ALPHABET)
    return salted_hmac(f"{SALT}.{permit.pk}", spoken, algorithm="sha256").hexdigest()


def _mail(permit: Permit, address: str, code: str) -> PlatformMail:
    summary, *details = permit.lines
    context = {
        "slug": permit.account.slug,
        "summary": summary,
        "details": details,
        "code": code,
        "expires": permit.expires_at,
        "agent": permit.key.agent.name if permit.key and permit.key.agent else "",
        "prefix": permit.key.prefix if permit.key else "",
        "console_url": f"{settings.PUBLIC_URL}{reverse('console:permits')}",
    }
    return PlatformMail(
        to=address,
        subject=f"Code for {permit.account.slug}: {summary}"[:200],
        body_text=render_to_string("emails/permit.txt", context),
        body_html=render_to_string("emails/permit.html", context),
    )
