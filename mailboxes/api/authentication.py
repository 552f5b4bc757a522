"""Who calls: `Authorization: Bearer gp_…`, else the cookie of a session → the principal behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from mailboxes import clock, keys, sessions
from mailboxes.errors import Unauthenticated
from mailboxes.models import ApiKey
from mailboxes.principals import Principal

from . import client_limits, session_cookie
from .client_limits import ClientLimit

CHALLENGE = "Bearer"
KEY_NAMES = frozenset({"api_key", "apikey", "api-key", "access_token", "authorization", "bearer", "key", "token"})


class KeyAuthentication(BaseAuthentication):
    """A principal for a good key, nothing without one; each way in which a key is no good has its own code."""

    def authenticate(self, request: Request) -> tuple[Principal, ApiKey] | None:
        refuse_key_in_query(request.query_params.items())
        header = request.headers.get("Authorization")
        if header is None:
            return None
        try:
            principal = of_header(header, find=partial(_principal, request=request))
        except Unauthenticated as error:
            count_failure(client_limits.address_of(request))
            error.headers.setdefault("WWW-Authenticate", f'{CHALLENGE} error="invalid_token"')
            raise
        assert principal.key is not None
        return principal, principal.key

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class SessionAuthentication(BaseAuthentication):
    """A principal for the cookie of a session, nothing without one. Asked only where there is no Authorization header.

    A write with a cookie must show that no foreign page made the browser send it.
    """

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        secret = session_cookie.find(request)
        if secret is None:
            return None
        session_cookie.check_write(request)
        return sessions.authenticate(secret, now=clock.now()), None


def of_header(header: str, *, find: Callable[[str], Principal]) -> Principal:
    """The principal whom an Authorization header names; `find` is asked with the key's text."""
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise refusal("The Authorization header is not of the kind Bearer.", code="malformed_key")
    return find(text.strip())


def _principal(text: str, request: Request) -> Principal:
    """From memory where nothing is changed, or where the act itself looks at the key again; else from the database."""
    looks_again = getattr((request.parser_context or {}).get("view"), "looks_at_key_again", False)
    address = client_limits.address_of(request)
    if request.method in SAFE_METHODS or looks_again:
        return keys.recognize(text, address=address)
    return keys.authenticate(text, address=address, now=clock.now())


def count_failure(address: str) -> None:
    """Count a key that was no good. Raises LimitReached (429) where too many of them came from that address.

    A good key is let in all the same: many clients may share an address with the one who fails, and 43 random
    characters are found by nobody who tries.
    """
    client_limits.take_from(ClientLimit("failed-key", settings.FAILED_KEYS_PER_MINUTE, 60), address)


def refusal(sentence: str, *, code: str, fix: str = "Send Authorization: Bearer gp_live_… .") -> Unauthenticated:
    """A 401 that names the scheme, as RFC 6750 section 3 asks."""
    return Unauthenticated(sentence, code=code, fix=fix, headers={"WWW-Authenticate": CHALLENGE})


def refuse_key_in_query(query: Iterable[tuple[str, object]]) -> None:
    """Refuse an address with a key in it: it ends up in logs, histories and Referer headers."""
    for name, value in query:
        if name.lower() in KEY_NAMES or str(value).startswith(("gp_live_", "gp_test_")):
            raise refusal(
                "A key does not belong into the address: addresses are logged.",
                code="key_in_query",
                fix="Revoke that key, and send a new one in the header Authorization: Bearer gp_live_… .",
            )
