"""Key recovery over the wire: a client with a cookie jar that keeps to paths, and follows no redirect."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from django.core.cache import cache
from pytest_django.live_server_helper import LiveServer

from tests import builders
from tests.builders import PASSWORD, Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(live_server: LiveServer) -> Iterator[httpx2.Client]:
    cache.clear()
    with httpx2.Client(base_url=live_server.url, follow_redirects=False, timeout=60) as client:
        yield client


def sign_in(client: httpx2.Client, alice: Tenant) -> httpx2.Response:
    return client.post("/api/auth/sign-in/email", json={"email": alice.owner.user.email, "password": PASSWORD})


def test_a_lost_key_is_replaced_and_the_session_ended(client: httpx2.Client) -> None:
    alice = builders.tenant(is_verified=False)
    assert sign_in(client, alice).status_code == 200
    made = client.post("/v1/api-keys", json={"name": "replacement-key"})
    assert made.status_code == 201
    bearer = {"Authorization": f"Bearer {made.json()['key']}"}
    [lost] = [key for key in client.get("/v1/api-keys").json()["keys"] if alice.key_text.startswith(key["prefix"])]
    assert client.delete(f"/v1/api-keys/{lost['id']}", headers=bearer).json() == {"revoked": True}
    old = client.get("/v1/mailboxes", headers={"Authorization": f"Bearer {alice.key_text}"})
    assert (old.status_code, old.json()["code"]) == (401, "revoked_key")

    kept = [(cookie.name, cookie.value) for cookie in client.cookies.jar]
    # Django's development server makes a text/plain of no Content-Type at all, which a session may not send.
    assert client.post("/api/auth/sign-out", json={}).json() == {"ok": True}
    assert list(client.cookies.jar) == []
    assert client.get("/v1/api-keys").json()["code"] == "missing_key"
    for name, value in kept:
        again = client.get("/v1/api-keys", headers={"Cookie": f"{name}={value}"})
        assert (again.status_code, again.json()["code"]) == (401, "session_over")


def test_one_cookie_copied_by_hand_is_enough(client: httpx2.Client) -> None:
    sign_in(client, builders.tenant())
    copies = [f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar]
    client.cookies.clear()
    assert len(copies) == 2
    for copy in copies:
        assert client.post("/v1/api-keys", json={}, headers={"Cookie": copy}).status_code == 201


def test_the_cookies_never_go_to_the_console_and_open_it_not_even_by_hand(client: httpx2.Client) -> None:
    sign_in(client, builders.tenant())
    by_hand = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
    for path in ("/review/", "/keys/", "/admin/", "/dashboard"):
        assert "cookie" not in client.build_request("GET", path).headers
        for headers in ({}, {"Cookie": by_hand}):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, "/login/" in answer.headers["Location"]) == (302, True)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
def test_a_form_of_another_site_does_nothing(client: httpx2.Client, kind: str, origin: str | None) -> None:
    sign_in(client, builders.tenant())
    headers = {"Content-Type": kind} | ({"Origin": origin} if origin else {})
    before = client.get("/v1/api-keys").json()["keys"]
    assert client.post("/v1/api-keys", content=b'{"name": "stolen"}', headers=headers).status_code in {403, 415}
    assert client.get("/v1/api-keys").json()["keys"] == before


def test_our_own_page_may(client: httpx2.Client) -> None:
    sign_in(client, builders.tenant())
    origin = str(client.base_url).rstrip("/")
    assert client.post("/v1/api-keys", json={}, headers={"Origin": origin}).status_code == 201
