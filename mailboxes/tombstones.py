"""Slugs and addresses of accounts that are no more: taken for good, and nobody can read whose they were."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.utils.crypto import salted_hmac

from .models import Tombstone

SALT = "gatepost.tombstone"


def lay(names: Iterable[str]) -> None:
    """Keep slugs and addresses from ever being given again, in the caller's transaction."""
    digests = sorted({_digest(name, settings.SECRET_KEY) for name in names})
    Tombstone.objects.bulk_create([Tombstone(digest=digest) for digest in digests], ignore_conflicts=True)


def is_laid(*names: str) -> bool:
    """Whether one of these slugs or addresses was somebody's who is gone.

    Ask after the rows of the living: the row goes and the tombstone comes in one transaction.
    """
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [_digest(name, secret) for name in names for secret in secrets]
    return Tombstone.objects.filter(pk__in=digests).exists()


def _digest(name: str, secret: str | bytes) -> str:
    return salted_hmac(SALT, name.lower(), secret=secret, algorithm="sha256").hexdigest()
