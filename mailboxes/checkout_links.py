"""The page of one checkout: whoever has its address may look at it, so the address can't be guessed.

It is made of the checkout's id and the server's secret: nothing about it is stored, and an event that names the id
gives nobody the address. Billing shows the page; the mail about it is written elsewhere; both find the address
here.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core import signing

from .ids import parse_id

SALT = "gatepost.checkout"


def url(checkout_id: UUID | str) -> str:
    """The whole address of the checkout's page."""
    return f"{settings.PUBLIC_URL}/billing/checkout/{token(checkout_id)}/"


def token(checkout_id: UUID | str) -> str:
    return _signer().sign(str(checkout_id))


def read(text: str) -> UUID | None:
    """The id of the checkout that a token opens; None for a forged one."""
    try:
        return parse_id(_signer().unsign(text))
    except signing.BadSignature:
        return None


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT)
