"""The keys of an account's agents, in the hands of its owners and admins: made, rotated, bound, revoked.

A person is no key, so no bound but the account holds them; callers have just had them prove who they are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from . import keys, minting
from .errors import Invalid, NotFound
from .ids import parse_id
from .key_bounds import FREE, Terms
from .minting import Change, NewKey
from .models import Account, Agent, ApiKey, Mailbox, Member
from .principals import of_manager


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks of a new key: everything of the account, or some of its mailboxes to read and send with."""

    agent_id: object
    name: str = ""
    reaches_all: bool = False
    mailbox_ids: Collection[UUID] = field(default_factory=tuple)
    terms: Terms = FREE


def of_account(account: Account) -> QuerySet[ApiKey]:
    """All keys of the account's agents with what a page tells of them, oldest first; its test keys among them."""
    found = keys.of_account(account).select_related("agent", "account", "rotated_to").prefetch_related("mailboxes")
    return found.order_by("created_at", "pk")


def get(member: Member, key_id: object) -> ApiKey:
    """One of them. Raises NotFound for any other."""
    parsed = parse_id(key_id)
    key = of_account(member.account).filter(pk=parsed).first() if parsed else None
    if key is None:
        raise NotFound("key")
    return key


def make(member: Member, *, wanted: Wanted, now: datetime) -> tuple[ApiKey, str]:
    """A new key and its text, shown once. Raises Forbidden, NotFound (agent, mailbox), Invalid (no_reach)."""
    actor = of_manager(member)
    agent_id = parse_id(wanted.agent_id)
    agents = Agent.objects.select_related("account").filter(account=member.account)
    agent = agents.filter(pk=agent_id).first() if agent_id else None
    if agent is None:
        raise NotFound("agent")
    boxes = [] if wanted.reaches_all else _mailboxes(member.account, wanted.mailbox_ids)
    asked = NewKey(wanted.name, boxes, wanted.terms.expires_at, wanted.terms.ip_allowlist)
    return minting.mint(actor, agent, asked=asked, now=now)


def rotate(member: Member, key_id: object, *, overlap_hours: int, now: datetime) -> tuple[ApiKey, ApiKey, str]:
    """As `minting.rotate`: the old key, the new one, its text."""
    return minting.rotate(of_manager(member), key_id, overlap_hours=overlap_hours, now=now)


def bind(member: Member, key_id: object, *, asked: Change, now: datetime) -> ApiKey:
    """As `minting.change`: another name, end, addresses."""
    return minting.change(of_manager(member), key_id, asked=asked, now=now)


def revoke(member: Member, key_id: object, *, now: datetime) -> None:
    """Revoke one of them, effective at once; the last one as well: a person makes another."""
    keys.revoke(of_manager(member), key_id, now=now)


def _mailboxes(account: Account, asked: Collection[UUID]) -> list[Mailbox]:
    if not asked:  # a key without mailboxes would reach all
        raise Invalid("A key needs something that it reaches.", code="no_reach", fix="Choose a mailbox, or all.")
    found = list(Mailbox.objects.filter(account=account, deleted_at__isnull=True, pk__in=asked))
    if len(found) != len(set(asked)):
        raise NotFound("mailbox")
    return found
