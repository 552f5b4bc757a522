"""Keys made, rotated and changed by whoever holds one: never into one that reaches further than their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from django.conf import settings
from django.db import transaction

from . import events, key_bounds, keys, known_keys, stops
from .errors import Conflict, Invalid, NotFound
from .ids import parse_id
from .key_bounds import Bounds, Terms
from .models import Agent, ApiKey, Environment, Mailbox
from .principals import Principal


class Same(Enum):
    """What was not asked to change."""

    AS_IT_IS = "as it is"


SAME = Same.AS_IT_IS


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is asked of a new key. What is left out of its terms (None) it has from the key that makes it."""

    name: str = ""
    mailboxes: Sequence[Mailbox] = ()
    expires_at: datetime | None = None
    ip_allowlist: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked to become of a key: SAME is as it is, None no end, () from everywhere."""

    name: str | Same = SAME
    expires_at: datetime | Same | None = SAME
    ip_allowlist: tuple[str, ...] | Same = SAME


def mint(actor: Principal, agent: Agent, *, asked: NewKey, now: datetime) -> tuple[ApiKey, str]:
    """A new key of that agent, and its text, shown once. Raises Forbidden (scoped_key, stronger_key)."""
    actor.require_full_access()
    with transaction.atomic():
        own, _ = _lock(actor, now=now)
        inherited = own.terms if own is not None else key_bounds.FREE
        terms = Terms(
            inherited.expires_at if asked.expires_at is None else asked.expires_at,
            inherited.ip_allowlist if asked.ip_allowlist is None else asked.ip_allowlist,
        )
        scopes = frozenset(keys.scopes_of(is_scoped=bool(asked.mailboxes)))
        wanted = Bounds(scopes, frozenset(box.pk for box in asked.mailboxes) or None, terms, agent.account.is_test)
        key_bounds.check_covers(own, wanted)
        key = ApiKey(account=agent.account, agent=agent, name=asked.name, scopes=sorted(scopes), made_by=actor.identity)
        return keys.create(key, mailboxes=asked.mailboxes, terms=terms, now=now)


def rotate(
    actor: Principal, key_id: object, *, overlap_hours: int | None = None, now: datetime
) -> tuple[ApiKey, ApiKey, str]:
    """The old key, the one that takes its place with the same reach and end, and that one's text, shown once.

    The old one goes on for so many hours (KEY_OVERLAP_HOURS at most, and where it is left out), then it has expired.
    Raises NotFound, Forbidden (scoped_key, stronger_key), Conflict (key_over, already_rotated).
    """
    actor.require_full_access()
    overlap = timedelta(hours=_overlap(overlap_hours))
    with transaction.atomic():
        own, old = _lock_other(actor, key_id, now=now)
        stops.check_goes(actor.key)
        stops.check_goes(old)
        if old.rotated_to_id is not None:
            raise Conflict(
                "This key was rotated already.", code="already_rotated", fix="Use the key that took its place."
            )
        key_bounds.check_covers(own, _bounds(old))
        key = ApiKey(account=old.account, agent=old.agent, name=old.name, scopes=old.scopes, made_by=actor.identity)
        boxes = list(old.mailboxes.all())
        if old.is_scoped and not boxes:  # its mailboxes are gone: without any it would see all
            raise _over()
        new, text = keys.create(key, mailboxes=boxes, terms=_terms(old), now=now)
        old.rotated_to = new
        old.expires_at = min(filter(None, (old.expires_at, now + overlap)))
        old.save(update_fields=["rotated_to", "expires_at"])
        _record(old, "key.rotated", actor, now=now, rotated_to=str(new.pk), **keys.told(_terms(old)))
    return old, new, text


def change(actor: Principal, key_id: object, *, asked: Change, now: datetime) -> ApiKey:
    """Rename a key of the account, or bind it more tightly; only a signed-in person loosens it.

    What listens with it comes again, by the new terms. Raises NotFound, Forbidden (scoped_key, stronger_key), Invalid,
    Conflict (key_over).
    """
    actor.require_full_access()
    with transaction.atomic():
        _, key = _lock_other(actor, key_id, now=now)
        before = _bounds(key)
        if not isinstance(asked.name, Same):
            key.name = asked.name
        if not isinstance(asked.expires_at, Same):
            key_bounds.check_end(asked.expires_at, now=now)
            key.expires_at = asked.expires_at
        if not isinstance(asked.ip_allowlist, Same):
            key.ip_allowlist = list(asked.ip_allowlist)
        if actor.key is not None or key.rotated_to_id is not None:
            key_bounds.check_covers(before, _bounds(key))
        key.save(update_fields=["name", "expires_at", "ip_allowlist"])
        _record(key, "key.changed", actor, now=now, **keys.told(_terms(key)))
    return key


def _bounds(key: ApiKey) -> Bounds:
    ids = frozenset(key.mailboxes.values_list("pk", flat=True)) if key.is_scoped else None
    return Bounds(frozenset(key.scopes), ids, _terms(key), key.environment == Environment.TEST)


def _terms(key: ApiKey) -> Terms:
    return Terms(key.expires_at, tuple(key.ip_allowlist))


def _overlap(hours: int | None) -> int:
    most = int(settings.KEY_OVERLAP_HOURS)
    if hours is not None and not 0 <= hours <= most:
        raise Invalid(
            f"The old key goes on for {most} hours at most.",
            code="invalid_field",
            fix=f"Send overlapHours from 0 to {most}.",
            field="overlapHours",
        )
    return most if hours is None else hours


def _lock(actor: Principal, *others: UUID, now: datetime) -> tuple[Bounds | None, list[ApiKey]]:
    """How far the caller's key reaches (None: a session), and the other keys, all locked in the order of their ids.

    So none of them is revoked or bound while the caller makes something of it. Raises what the holder of a key that has
    just been revoked is told.
    """
    own = [actor.key.pk] if actor.key is not None else []
    asked = keys.of_account(actor.account).filter(pk__in=[*others, *own]).order_by("pk")
    found = list(asked.select_related("account", "agent").select_for_update(of=("self",)))
    mine = next((key for key in found if key.pk in own), None)
    if own and (mine is None or _is_over(mine, now=now)):
        raise keys.revoked()
    return _bounds(mine) if mine else None, [key for key in found if key.pk in others]


def _lock_other(actor: Principal, key_id: object, *, now: datetime) -> tuple[Bounds | None, ApiKey]:
    parsed = parse_id(key_id)
    own, found = _lock(actor, parsed, now=now) if parsed else (None, [])
    if not found:
        raise NotFound("key")
    if _is_over(found[0], now=now):
        raise _over()
    return own, found[0]


def _is_over(key: ApiKey, *, now: datetime) -> bool:
    return key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now)


def _over() -> Conflict:
    return Conflict("This key is no good any more.", code="key_over", fix="Make a new one.")


def _record(key: ApiKey, kind: str, actor: Principal, *, now: datetime, **facts: object) -> None:
    known_keys.forget_on_commit()
    data = {"key_id": str(key.pk), "prefix": key.prefix, "by": actor.identity, **facts}
    events.record(key.account_id, kind, subject=str(key.pk), data=data, now=now)
