"""Secrets that have to be read again, encrypted at rest under SECRET_KEY. Each purpose has a key of its own."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def seal(content: bytes, *, purpose: str) -> bytes:
    """`content` encrypted and authenticated, as ASCII; readable by `unseal` with the same purpose only."""
    return _vault(purpose).encrypt(content)


def unseal(sealed: bytes, *, purpose: str) -> bytes:
    """What was sealed. Raises ImproperlyConfigured where SECRET_KEY is not the one it was sealed with."""
    try:
        return _vault(purpose).decrypt(sealed)
    except InvalidToken as error:
        raise ImproperlyConfigured(
            f"Something was sealed with another SECRET_KEY ({purpose}); restore that SECRET_KEY."
        ) from error


def _vault(purpose: str) -> Fernet:
    derived = HKDF(hashes.SHA256(), length=32, salt=None, info=f"gatepost {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derived.derive(settings.SECRET_KEY.encode())))
