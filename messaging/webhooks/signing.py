"""The headers that prove whom a delivery comes from: Standard Webhooks', and the contract's own (section 9)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID


def headers(
    *, secrets: Sequence[str], attempt: int, event_id: UUID, delivery_id: UUID, body: bytes, now: datetime
) -> dict[str, str]:
    """What stands beside this attempt's body. `secrets`: the live ones, newest first; `attempt` counts from 1.

    `webhook-signature` (https://www.standardwebhooks.com) is over id, time and body, once with each live secret.
    `X-Robotomail-Signature` has room for one value and signs no time: while two secrets are live, the attempts take
    turns, so that a receiver that knows only one of them verifies every other attempt at least.
    """
    moment = str(int(now.timestamp()))
    signed = b".".join((str(event_id).encode(), moment.encode(), body))
    turn = secrets[(attempt - 1) % len(secrets)]
    return {
        "Content-Type": "application/json",
        "webhook-id": str(event_id),
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(_versioned(secret, signed) for secret in secrets),
        "X-Robotomail-Signature": hmac.digest(turn.encode(), body, hashlib.sha256).hex(),
        "X-Robotomail-Delivery-Id": str(delivery_id),
    }


def _versioned(secret: str, signed: bytes) -> str:
    # The key is what the secret says when it is read as base64, as that specification has it.
    digest = hmac.digest(base64.b64decode(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
