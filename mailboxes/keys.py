"""API keys: made, read, revoked.

A key is `gp_live_` or `gp_test_`, 43 random characters of [A-Za-z0-9], and 6 of checksum. It is shown once; its SHA-256
is kept.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from . import clock, events, key_bounds, known_keys, networks
from .errors import Forbidden, Invalid, NotFound, Unauthenticated
from .ids import parse_id
from .key_bounds import FREE, Terms
from .models import Account, Agent, ApiKey, Environment, Mailbox, Member, Scope
from .principals import Principal

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
SHAPE = re.compile(r"^gp_(live|test)_[0-9A-Za-z]{49}$")
RANDOM_LENGTH = 43
CHECKSUM_LENGTH = 6
PREFIX_LENGTH = 14
LAST_USED_PRECISION = timedelta(minutes=1)


def create_agent_key(
    agent: Agent,
    *,
    name: str = "",
    mailboxes: Sequence[Mailbox] = (),
    terms: Terms = FREE,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A new key of an agent and its text, shown once. With mailboxes it is scoped to them: read and send, no admin.

    Whether whoever asks may have such a key is not asked here: `minting`.
    """
    scopes = scopes_of(is_scoped=bool(mailboxes))
    key = ApiKey(account=agent.account, agent=agent, name=name, scopes=scopes)
    return create(key, mailboxes=mailboxes, terms=terms, now=now)


def create_decide_key(member: Member, *, name: str = "", terms: Terms = FREE, now: datetime) -> tuple[ApiKey, str]:
    """A new key with which a member decides over the API. Never made by a key: call it for a signed-in human only."""
    if not member.may_decide:
        raise Forbidden("A viewer may not decide.", code="viewer", fix="Ask an owner for the reviewer role.")
    scopes = [Scope.READ, Scope.DECIDE]
    key = ApiKey(account=member.account, member=member, name=name, scopes=scopes, made_by=f"member:{member.pk}")
    return create(key, terms=terms, now=now)


def recognize(text: str, *, address: str = "") -> Principal:
    """As `authenticate`, from memory for a key that was good a moment ago: see `known_keys` for how long that is."""
    hashed = digest(text)
    known = known_keys.known.find(hashed)
    if known is not None:
        return known
    times_forgotten, now = known_keys.known.times_forgotten, clock.now()
    principal = authenticate(text, address=address, now=now)
    known_keys.known.remember(hashed, principal, now=now, times_forgotten=times_forgotten)
    return principal


def authenticate(text: str, *, address: str = "", now: datetime) -> Principal:
    """The principal behind a key's text, for a caller at that address.

    Raises Unauthenticated (malformed, invalid, revoked, expired_key, address_not_allowed). Who calls from elsewhere is
    told no more of a key than that; who does not say from where is nowhere.
    """
    if not is_well_formed(text):
        raise Unauthenticated("This is not a key of ours.", code="malformed_key", fix="Copy the whole key: gp_live_… .")
    key = (
        ApiKey.objects.select_related("account", "agent", "member", "member__account", "member__user")
        .filter(digest=digest(text))
        .first()
    )
    if key is None:
        raise Unauthenticated("This key is unknown.", fix="Create a new key, or check which server it is for.")
    if key.ip_allowlist and not networks.hold(key.ip_allowlist, address):
        raise Unauthenticated(
            "This key is not good from your address.",
            code="address_not_allowed",
            fix="Call from an address of its ipAllowlist, or sign in and change that.",
        )
    is_shut_out = key.member is not None and not key.member.user.is_active
    if key.revoked_at is not None or is_shut_out or key.account.departed_at is not None:
        raise revoked()
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthenticated("This key has expired.", code="expired_key", fix="Create a new key.")
    _note_use(key, now=now)
    return _principal(key)


def scopes_of(*, is_scoped: bool) -> list[str]:
    """What an agent's key may."""
    return [Scope.READ, Scope.SEND] if is_scoped else [Scope.READ, Scope.SEND, Scope.ADMIN]


def still_good(key_ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Those of these keys that would be let in."""
    is_alive = Q(revoked_at__isnull=True, account__departed_at__isnull=True)
    is_in_time = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    is_let_in = Q(member__isnull=True) | Q(member__user__is_active=True)
    return set(ApiKey.objects.filter(is_alive, is_in_time, is_let_in, pk__in=key_ids).values_list("pk", flat=True))


def revoked() -> Unauthenticated:
    """What the holder of a revoked key is told."""
    return Unauthenticated("This key was revoked.", code="revoked_key", fix="Use another key of the account.")


def revoke(actor: Principal, key_id: object, *, now: datetime) -> None:
    """Revoke an agent key of the actor's account or of its test account, effective at once.

    The last active full-access live key stays.
    """
    with transaction.atomic():
        keys = list(of_account(actor.account).select_for_update(of=("self",)).order_by("pk"))
        key = next((key for key in keys if key.pk == parse_id(key_id)), None)
        if key is None:
            raise NotFound("key")
        if key.revoked_at is not None:
            return
        others = [one for one in keys if one.pk != key.pk and _is_active_full_access(one, now=now)]
        if actor.key is not None and not others and _is_active_full_access(key, now=now):
            raise Invalid(
                "This is the only active full-access key of the account.",
                code="last_key",
                fix="Create another full-access key first.",
            )
        revoke_now(key, by=actor.identity, now=now)


def revoke_now(key: ApiKey, *, by: str, now: datetime) -> None:
    """Revoke any key without further question; for operators and for members' own keys."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now):
            key.revoked_at = now
            known_keys.forget_on_commit()
            data = {"key_id": str(key.pk), "prefix": key.prefix, "by": by}
            events.record(key.account_id, "key.revoked", subject=str(key.pk), data=data, now=now)


def of_account(account: Account) -> QuerySet[ApiKey]:
    """All keys of the account's agents, its test keys among them."""
    return ApiKey.objects.filter(Q(account=account) | Q(account__test_of=account), agent__isnull=False)


def agent_keys(account: Account) -> QuerySet[ApiKey]:
    """Those that were not revoked, oldest first."""
    return of_account(account).filter(revoked_at__isnull=True).order_by("created_at", "pk")


def list_decide_keys(member: Member) -> list[ApiKey]:
    """The member's decide keys that were not revoked, oldest first."""
    return list(ApiKey.objects.filter(member=member, revoked_at__isnull=True).order_by("created_at"))


def revoke_decide_key(member: Member, key_id: object, *, now: datetime) -> ApiKey:
    """Revoke one of the member's own decide keys. Raises NotFound for any other."""
    parsed = parse_id(key_id)
    key = ApiKey.objects.filter(pk=parsed, member=member).first() if parsed else None
    if key is None:
        raise NotFound("key")
    revoke_now(key, by=f"member:{member.pk}", now=now)
    return key


def is_well_formed(text: str) -> bool:
    """Shape and checksum are right: a typing slip is told without a look at the database."""
    return bool(SHAPE.fullmatch(text)) and secrets.compare_digest(
        checksum(text[:-CHECKSUM_LENGTH]), text[-CHECKSUM_LENGTH:]
    )


def checksum(head: str) -> str:
    value = zlib.crc32(head.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def create(key: ApiKey, *, mailboxes: Sequence[Mailbox] = (), terms: Terms = FREE, now: datetime) -> tuple[ApiKey, str]:
    """Give a key that has its owner and scopes all the rest, and keep it; its text, shown once."""
    key_bounds.check_end(terms.expires_at, now=now)
    key.expires_at, key.ip_allowlist = terms.expires_at, list(terms.ip_allowlist)
    key.environment = Environment.TEST if key.account.is_test else Environment.LIVE
    head = f"gp_{key.environment}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    text = head + checksum(head)
    key.prefix = text[:PREFIX_LENGTH]
    key.digest = digest(text)
    key.is_scoped = bool(mailboxes)
    with transaction.atomic():
        key.save(force_insert=True)
        key.mailboxes.set(mailboxes)
        data = {"key_id": str(key.pk), "prefix": key.prefix, "scopes": sorted(key.scopes), **told(terms)}
        by = {"by": key.made_by} if key.made_by else {}
        events.record(key.account_id, "key.created", subject=str(key.pk), data=data | by, now=now)
    return key, text


def told(terms: Terms) -> dict[str, object]:
    """Of a key's terms what its events tell: the end, and whether it is bound to addresses; never which."""
    expires_at = terms.expires_at and events.moment_text(terms.expires_at)
    return {"expires_at": expires_at, "is_bound": bool(terms.ip_allowlist)}


def _principal(key: ApiKey) -> Principal:
    mailbox_ids = frozenset(key.mailboxes.values_list("pk", flat=True)) if key.is_scoped else None
    return Principal(
        account=key.account,
        scopes=frozenset(key.scopes),
        agent=key.agent,
        member=key.member,
        key=key,
        mailbox_ids=mailbox_ids,
    )


def _note_use(key: ApiKey, *, now: datetime) -> None:
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_PRECISION:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_PRECISION)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _is_active_full_access(key: ApiKey, *, now: datetime) -> bool:
    is_alive = key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    return is_alive and not key.is_scoped and Scope.ADMIN in key.scopes and key.environment == Environment.LIVE
