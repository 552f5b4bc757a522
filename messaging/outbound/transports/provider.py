"""The way out by a provider's HTTP API, where that API takes a finished mail as it is.

django-anymail brings the account settings and the session; but all of its backends write a MIME body of their own,
which would not be the bytes that were sealed and signed. So only providers with a raw endpoint are spoken to, by that
endpoint. For every other provider RELAY_URL with the provider's SMTP host does the same without any loss.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.backends.mailgun import EmailBackend as Mailgun
from anymail.backends.postal import EmailBackend as Postal
from django.conf import settings
from urllib3.exceptions import NewConnectionError

from mailboxes import dns_records
from messaging.mime.types import Envelope

from .base import OutcomeUnknown, PermanentFailure, SendResult, TransientFailure, nobody_looks
from .connection import clean

TIMEOUT = (30, 300)
# The provider speaks of our account or of its load, not of this mail.
ABOUT_US = frozenset({401, 402, 403, 404, 408, 429})


@dataclass(frozen=True, slots=True)
class RawEndpoint:
    """How one provider takes a finished mail: what `requests` needs to know, and what a 200 says."""

    backend: type[AnymailRequestsBackend]
    request: Callable[[AnymailRequestsBackend, Envelope, bytes], dict[str, Any]]
    refusal_in: Callable[[dict[str, Any]], str]


@dataclass(frozen=True, slots=True)
class ProviderTransport:
    """Hands mail to the raw endpoint of the provider of that name (a key of RAW_ENDPOINTS)."""

    name: str

    def send(
        self,
        envelope: Envelope,
        raw: bytes,
        *,
        on_data: Callable[[], None],
        look: Callable[[], None] = nobody_looks,
    ) -> SendResult:
        endpoint = RAW_ENDPOINTS[self.name]
        backend = _backend(endpoint)
        request = endpoint.request(backend, envelope, raw)
        with backend.create_session() as session:
            look()
            on_data()
            try:
                response = session.request("POST", timeout=TIMEOUT, allow_redirects=False, **request)
            except requests.RequestException as error:
                raise self._failure(error) from error
        return _classify(response, endpoint)

    def _failure(self, error: requests.RequestException) -> TransientFailure | OutcomeUnknown:
        cause = getattr(error.args[0] if error.args else None, "reason", None)
        if isinstance(error, requests.ConnectTimeout) or isinstance(cause, NewConnectionError):
            return TransientFailure("connect_failed", f"{self.name} can't be reached.")
        return OutcomeUnknown("answer_lost", f"{self.name} may have taken the message; its answer is lost.")


def problems() -> list[str]:
    """What is wrong with the settings of the provider, in sentences."""
    name = settings.EMAIL_PROVIDER
    if not name:
        return []
    if name not in RAW_ENDPOINTS:
        return [
            f"EMAIL_PROVIDER={name}: its API does not take a finished mail; what was approved and signed would be "
            f"rewritten. Set RELAY_URL to the provider's SMTP host. Possible here: {', '.join(RAW_ENDPOINTS)}."
        ]
    if not settings.EMAIL_PROVIDER_KEY:
        return [f"EMAIL_PROVIDER={name} needs EMAIL_PROVIDER_KEY."]
    if name == "postal" and not settings.EMAIL_PROVIDER_URL:
        return ["EMAIL_PROVIDER=postal needs EMAIL_PROVIDER_URL, the address of your Postal server."]
    return []


def _backend(endpoint: RawEndpoint) -> AnymailRequestsBackend:
    where = {"api_url": settings.EMAIL_PROVIDER_URL} if settings.EMAIL_PROVIDER_URL else {}
    return endpoint.backend(api_key=settings.EMAIL_PROVIDER_KEY, **where)


def _mailgun(backend: AnymailRequestsBackend, envelope: Envelope, raw: bytes) -> dict[str, Any]:
    # Known there by the author's domain, not by the one that bounces come back to.
    domain = dns_records.author_domain(envelope.sender.rpartition("@")[2])
    return {
        "url": f"{backend.api_url}{domain}/messages.mime",
        "auth": ("api", settings.EMAIL_PROVIDER_KEY),
        # Tracking would rewrite the links, and with them the signed body.
        "data": {"to": envelope.recipients[0], "o:tracking": "no"},
        "files": {"message": ("message.mime", raw, "message/rfc2822")},
    }


def _postal(backend: AnymailRequestsBackend, envelope: Envelope, raw: bytes) -> dict[str, Any]:
    data = base64.b64encode(raw).decode("ascii")
    return {
        "url": f"{backend.api_url}api/v1/send/raw",
        "headers": {"X-Server-API-Key": settings.EMAIL_PROVIDER_KEY},
        "json": {"mail_from": envelope.sender, "rcpt_to": list(envelope.recipients), "data": data},
    }


def _mailgun_refusal(answer: dict[str, Any]) -> str:
    return "" if answer.get("id") else f"No id in the answer: {answer.get('message', '')}"


def _postal_refusal(answer: dict[str, Any]) -> str:
    return "" if answer.get("status") == "success" else str(answer.get("data", {}).get("message", answer.get("status")))


RAW_ENDPOINTS = {
    "mailgun": RawEndpoint(Mailgun, _mailgun, _mailgun_refusal),
    "postal": RawEndpoint(Postal, _postal, _postal_refusal),
}


def _classify(response: requests.Response, endpoint: RawEndpoint) -> SendResult:
    code, text = str(response.status_code), clean(response.content)
    if response.status_code in ABOUT_US:
        raise TransientFailure(code, text)
    if 400 <= response.status_code < 500:
        raise PermanentFailure(code, text)
    if response.status_code != 200:
        # An error of the provider's machinery says nothing of what became of the mail.
        raise OutcomeUnknown(code, text)
    try:
        refusal = endpoint.refusal_in(response.json())
    except (ValueError, AttributeError) as error:
        raise OutcomeUnknown("answer_unreadable", text) from error
    if refusal:
        raise PermanentFailure("refused", refusal)
    return SendResult(code, text)
