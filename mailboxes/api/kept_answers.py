"""Kept answers are closed by the Idempotency-Key that they were given for: the row alone reveals nothing.

An answer may hold a key or a secret that is shown once. What opens it is made of the server's secret and of the
caller's Idempotency-Key, and of the latter the row keeps a hash: a copy of the database opens nothing, and neither does
the server's secret beside it, as long as the callers' keys were random.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.crypto import salted_hmac


def name_of(key: str) -> str:
    """Under which name a row keeps an Idempotency-Key. It outlives a change of the server's secret."""
    return hashlib.sha256(key.encode()).hexdigest()


def close(body: dict[str, Any], *, key: str) -> str:
    """The JSON of an answer, readable by `open_` with the same key only."""
    return _vault(key).encrypt(json.dumps(body, separators=(",", ":")).encode()).decode()


def open_(closed: str, *, key: str) -> dict[str, Any] | None:
    """The JSON of a closed answer; None if it was closed under another secret of the server."""
    try:
        opened: dict[str, Any] = json.loads(_vault(key).decrypt(closed.encode()))
    except InvalidToken:
        return None
    return opened


def fingerprint(content: object) -> str:
    """The same for the same content, however its JSON was spaced and ordered. Keyed: it may be about a password."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return salted_hmac("gatepost idempotent request", canonical, algorithm="sha256").hexdigest()


def _vault(key: str) -> Fernet:
    secret = settings.SECRET_KEY.encode()
    derived = HKDF(hashes.SHA256(), length=32, salt=key.encode(), info=b"gatepost idempotent answer").derive(secret)
    return Fernet(base64.urlsafe_b64encode(derived))
