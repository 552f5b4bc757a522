"""DKIM keys of a domain: made in pairs (RSA and Ed25519), sealed away, rotated so that no mail is ever unverifiable."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from django.db import transaction

from . import events, vault
from .errors import Conflict
from .models import DkimAlgorithm, DkimKey, Domain

RSA_BITS = 2048
PURPOSE = "dkim private keys"
# So long a new record must stand before it is relied on: every name server of the zone has it then, and no cache still
# says that there is none.
SETTLES_FOR = timedelta(hours=1)
# So long an old record stays published after the last mail was signed with its key: longer than any mail is on its way.
OVERLAPS_FOR = timedelta(days=7)

SigningKey = RSAPrivateKey | Ed25519PrivateKey


def create_pair(domain: Domain, *, generation: int = 1, activated_at: datetime | None) -> list[DkimKey]:
    """New keys of the domain, one of each algorithm. Takes about 70 ms. Without `activated_at` they wait: `advance`."""
    suffix = "" if domain.is_platform else f"-{secrets.token_hex(3)}"  # two accounts may prepare the same domain
    materials: dict[DkimAlgorithm, tuple[str, SigningKey]] = {
        DkimAlgorithm.RSA: (f"gp{generation}{suffix}", generate_private_key(public_exponent=65537, key_size=RSA_BITS)),
        DkimAlgorithm.ED25519: (f"gp{generation}e{suffix}", Ed25519PrivateKey.generate()),
    }
    return DkimKey.objects.bulk_create(
        DkimKey(
            domain=domain,
            generation=generation,
            selector=selector,
            algorithm=algorithm,
            private_key=_sealed(key),
            public_key=_public(key),
            activated_at=activated_at,
        )
        for algorithm, (selector, key) in materials.items()
    )


def signing_keys(domain: Domain) -> list[tuple[str, SigningKey]]:
    """Selector and key object of each of the keys that sign."""
    return [(row.selector, open_key(bytes(row.private_key))) for row in signing(domain)]


def signing(domain: Domain) -> list[DkimKey]:
    """The domain's newest active key of each algorithm, RSA first."""
    # All of them (there are few), so that a caller with many domains may prefetch.
    newest: dict[str, DkimKey] = {}
    for key in sorted(_active(domain.dkim_keys.all()), key=lambda key: (key.activated_at, key.pk)):
        newest[key.algorithm] = key
    return sorted(newest.values(), key=lambda key: key.algorithm, reverse=True)


def published(domain: Domain) -> list[DkimKey]:
    """The keys whose records belong into the DNS, oldest first, RSA before Ed25519."""
    keys = [key for key in domain.dkim_keys.all() if key.retired_at is None]
    return sorted(keys, key=lambda key: (key.generation, key.algorithm != DkimAlgorithm.RSA))


def begin_rotation(domain: Domain, *, by: str, now: datetime) -> list[DkimKey]:
    """New keys, to be published beside the old ones. They sign once their records have stood for an hour; `advance`."""
    with transaction.atomic():
        Domain.objects.select_for_update().get(pk=domain.pk)
        keys = list(DkimKey.objects.filter(domain=domain))
        if any(key.activated_at is None and key.retired_at is None for key in keys):
            raise Conflict(
                f"New keys of {domain.name} wait for their records already.",
                fix="Publish them: manage.py dns_records prints them.",
            )
        generation = max((key.generation for key in keys), default=0) + 1
        made = create_pair(domain, generation=generation, activated_at=None)
        Domain.objects.filter(pk=domain.pk).update(check_due_at=now)
        data = {"domain_id": str(domain.pk), "selectors": [key.selector for key in made], "by": by}
        events.record(domain.account_id, "domain.keys_made", subject=str(domain.pk), data=data, now=now)
    return made


def advance(domain: Domain, standing: Collection[UUID], *, now: datetime) -> list[events.Happening]:
    """Take a rotation one step on, knowing whose records stand in the DNS; what happened, to be recorded by the caller.

    Call it with the domain's row locked. Waiting keys begin to sign when all of them have stood for an hour, and those
    before are retired a week later.
    """
    keys = list(DkimKey.objects.filter(domain=domain, retired_at__isnull=True))
    waiting = [key for key in keys if key.activated_at is None]
    _note_seen(waiting, standing, now=now)
    happened = []
    if waiting and all(key.seen_at and key.seen_at <= now - SETTLES_FOR for key in waiting):
        DkimKey.objects.filter(pk__in=[key.pk for key in waiting]).update(activated_at=now)
        happened.append(_happening(domain, "domain.keys_switched", waiting))
    if over := _over(keys, now=now):
        # What nobody signs with any more can't be stolen either.
        DkimKey.objects.filter(pk__in=[key.pk for key in over]).update(retired_at=now, private_key=b"")
        happened.append(_happening(domain, "domain.keys_retired", over))
    return happened


def is_waiting(domain: Domain) -> bool:
    """Whether new keys wait for their records."""
    return DkimKey.objects.filter(domain=domain, activated_at__isnull=True, retired_at__isnull=True).exists()


def is_overlapping(domain: Domain) -> bool:
    """Whether old keys wait for their end."""
    keys = DkimKey.objects.filter(domain=domain, activated_at__isnull=False, retired_at__isnull=True)
    return keys.values("generation").distinct().count() > 1


@lru_cache(maxsize=1024)
def open_key(sealed: bytes) -> SigningKey:
    """The key object of a sealed private key; cached per process (27 ms to load)."""
    key = serialization.load_pem_private_key(vault.unseal(sealed, purpose=PURPOSE), password=None)
    assert isinstance(key, RSAPrivateKey | Ed25519PrivateKey)
    return key


def _note_seen(waiting: Iterable[DkimKey], standing: Collection[UUID], *, now: datetime) -> None:
    for key in waiting:
        seen_at = (key.seen_at or now) if key.pk in standing else None
        if seen_at != key.seen_at:
            key.seen_at = seen_at
            key.save(update_fields=["seen_at"])


def _over(keys: Collection[DkimKey], *, now: datetime) -> list[DkimKey]:
    """The active keys that a newer generation relieved a week ago. The newest active one is never over."""
    active = _active(keys)
    newest = max((key.generation for key in active), default=0)
    relieved_at = [key.activated_at for key in active if key.generation == newest and key.activated_at is not None]
    if not relieved_at or max(relieved_at) > now - OVERLAPS_FOR:
        return []
    return [key for key in active if key.generation < newest]


def _active(keys: Iterable[DkimKey]) -> list[DkimKey]:
    return [key for key in keys if key.activated_at is not None and key.retired_at is None]


def _happening(domain: Domain, kind: str, keys: Iterable[DkimKey]) -> events.Happening:
    data = {"domain_id": str(domain.pk), "selectors": sorted(key.selector for key in keys)}
    return events.Happening(kind, str(domain.pk), data)


def _public(key: SigningKey) -> str:
    """As the record's `p=` has it: a SubjectPublicKeyInfo, of Ed25519 the bare 32 octets (RFC 8463 section 4)."""
    if isinstance(key, RSAPrivateKey):
        form, encoding = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.DER
    else:
        form, encoding = serialization.PublicFormat.Raw, serialization.Encoding.Raw
    return base64.b64encode(key.public_key().public_bytes(encoding, form)).decode()


def _sealed(key: SigningKey) -> bytes:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return vault.seal(pem, purpose=PURPOSE)
