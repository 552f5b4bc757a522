"""A client as the contract's SDKs are: flat methods, plain JSON, no redirect followed, no retry, ids encoded whole.

Method per operation, arguments as theirs: the path's ids, then `body` or `upload`, then `params`. Every 2xx answer is
compared with the contract's shape, all the way down, before it is given back. `stream_events` stands in `streaming`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

from .shapes import wrong
from .streaming import Subscriber
from .test_operations import OPERATIONS

SIGN_IN = "/api/auth/sign-in/email"
# What each operation answers when all goes well, by the SDKs' name of it.
ANSWERS = {re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", one.name): one.shape for one in OPERATIONS}

CALLS: dict[str, tuple[str, str]] = {
    "create_signup": ("POST", "/signup"),
    "check_slug_availability": ("GET", "/signup/check-slug"),
    "get_account": ("GET", "/account"),
    "delete_account": ("DELETE", "/account"),
    "send_welcome_email": ("POST", "/account/welcome"),
    "set_post_verify_target": ("POST", "/account/post-verify-target"),
    "resend_verification_email": ("POST", "/auth/resend-verification"),
    "submit_support_ticket": ("POST", "/support"),
    "list_api_keys": ("GET", "/api-keys"),
    "create_api_key": ("POST", "/api-keys"),
    "revoke_api_key": ("DELETE", "/api-keys/{}"),
    "list_mailboxes": ("GET", "/mailboxes"),
    "create_mailbox": ("POST", "/mailboxes"),
    "get_mailbox": ("GET", "/mailboxes/{}"),
    "update_mailbox": ("PATCH", "/mailboxes/{}"),
    "delete_mailbox": ("DELETE", "/mailboxes/{}"),
    "list_messages": ("GET", "/mailboxes/{}/messages"),
    "send_message": ("POST", "/mailboxes/{}/messages"),
    "get_message": ("GET", "/mailboxes/{}/messages/{}"),
    "list_threads": ("GET", "/mailboxes/{}/threads"),
    "get_thread": ("GET", "/mailboxes/{}/threads/{}"),
    "upload_attachment": ("POST", "/attachments"),
    "download_attachment": ("GET", "/attachments/{}"),
    "delete_attachment": ("DELETE", "/attachments/{}"),
    "list_domains": ("GET", "/domains"),
    "create_domain": ("POST", "/domains"),
    "get_domain": ("GET", "/domains/{}"),
    "delete_domain": ("DELETE", "/domains/{}"),
    "verify_domain": ("POST", "/domains/{}/verify"),
    "list_webhooks": ("GET", "/webhooks"),
    "create_webhook": ("POST", "/webhooks"),
    "get_webhook": ("GET", "/webhooks/{}"),
    "update_webhook": ("PATCH", "/webhooks/{}"),
    "delete_webhook": ("DELETE", "/webhooks/{}"),
    "list_webhook_deliveries": ("GET", "/webhooks/{}/deliveries"),
    "list_suppressions": ("GET", "/suppressions"),
    "create_suppression": ("POST", "/suppressions"),
    "delete_suppression": ("DELETE", "/suppressions/{}"),
    "create_upgrade_checkout": ("POST", "/billing/upgrade"),
}


@dataclass(frozen=True)
class Upload:
    """One file, sent as the multipart part `file`."""

    data: bytes
    filename: str
    content_type: str = "application/octet-stream"


class ApiError(Exception):
    """An answer that is no 2xx. Its JSON has a sentence in `error`, like every error of the contract."""

    def __init__(self, status: int, body: Any, headers: httpx2.Headers) -> None:
        assert isinstance(body, dict), body
        assert isinstance(body.get("error"), str), body
        super().__init__(f"{status} {body['error']}")
        self.status, self.body, self.headers = status, body, headers
        self.code = body.get("code")


class ContractClient:
    """`client.list_messages(mailbox_id, params={"limit": 1})`. `called`: what was answered by 2xx."""

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self.http = httpx2.Client(base_url=base_url, timeout=120, follow_redirects=False, trust_env=False)
        self.http.headers["User-Agent"] = "robotomail-python/0.1.0"
        self.key = key
        self.called: set[str] = set()
        self.others: list[ContractClient] = []

    def another(self, key: str | None = None) -> ContractClient:
        """Another client of the same server, closed with this one."""
        self.others.append(ContractClient(str(self.http.base_url), key))
        return self.others[-1]

    def close(self) -> None:
        for one in (self, *self.others):
            one.http.close()

    def __getattr__(self, name: str) -> Any:
        if name not in CALLS:
            raise AttributeError(name)

        def call(
            *ids: str, body: Any = None, upload: Upload | None = None, params: dict[str, Any] | None = None
        ) -> Any:
            return self._call(name, ids, body=body, upload=upload, params=params)

        return call

    def sign_in(self, email: str, password: str) -> Any:
        """The session cookie, kept in this client from now on (section 14)."""
        site = str(self.http.base_url).removesuffix("/").removesuffix("/v1")
        return _decoded(self.http.post(f"{site}{SIGN_IN}", json={"email": email, "password": password}))

    def stream_events(self, *, params: dict[str, str]) -> Subscriber:
        """Somebody who listens with this client's key."""
        assert self.key is not None
        return Subscriber(str(self.http.base_url), self.key, **params)

    def _call(
        self, name: str, ids: tuple[str, ...], *, body: Any, upload: Upload | None, params: dict[str, Any] | None
    ) -> Any:
        method, path = CALLS[name]
        headers = {"Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        files = {"file": (upload.filename, upload.data, upload.content_type)} if upload else None
        response = self.http.request(
            method, path.format(*(quote(one, safe="") for one in ids)), headers=headers, params=params, json=body,
            files=files,
        )  # fmt: skip
        answer = _decoded(response)
        assert wrong(answer, ANSWERS[name]) is None, (name, wrong(answer, ANSWERS[name]))
        self.called.add(name)
        return answer


def _decoded(response: httpx2.Response) -> Any:
    answer = response.json()  # every answer of ours is JSON
    if not response.is_success:
        raise ApiError(response.status_code, answer, response.headers)
    return answer
