"""Keys at the door: what each bad one is told, and what a scoped one may not do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailboxes import clock, keys
from mailboxes.models import ApiKey
from tests import builders
from tests.api_client import Answer, Api

pytestmark = pytest.mark.django_db


def told(answer: Answer) -> tuple[int, str]:
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "X-Robotomail-Inbound-Quota" not in answer.headers
    return answer.status, answer.code


def test_a_missing_key_is_told_apart() -> None:
    assert told(Api().get("/mailboxes")) == (401, "missing_key")


@pytest.mark.parametrize("text", ["", "x", "gp_live_short", "rm_" + "a" * 64, "gp_live_" + "A" * 49, "ключ"])
def test_a_malformed_key_is_told_apart(text: str) -> None:
    answer = Api().client.get("/v1/mailboxes", headers={"Authorization": f"Bearer {text}".encode().decode("latin-1")})
    assert answer.status_code == 401
    assert answer.json()["code"] == "malformed_key"


def test_another_scheme_is_malformed() -> None:
    answer = Api().client.get("/v1/mailboxes", headers={"Authorization": "Basic YWxpY2U6c2VjcmV0"})
    assert answer.json()["code"] == "malformed_key"


def test_an_unknown_key_is_told_apart() -> None:
    alice = builders.tenant()
    ApiKey.objects.filter(account=alice.account).delete()
    assert told(Api(alice.key_text).get("/mailboxes")) == (401, "invalid_key")


def test_a_revoked_key_is_told_apart_at_once() -> None:
    alice = builders.tenant()
    _, spare = keys.create_agent_key(alice.agent, now=clock.now())
    listed = Api(spare).get("/api-keys").json["keys"]
    first = next(key["id"] for key in listed if alice.key_text.startswith(key["prefix"]))
    assert Api(spare).delete(f"/api-keys/{first}").json == {"revoked": True}
    assert told(Api(alice.key_text).get("/mailboxes")) == (401, "revoked_key")


def test_an_expired_key_is_told_apart() -> None:
    alice = builders.tenant()
    ApiKey.objects.filter(account=alice.account).update(expires_at=clock.now() - timedelta(seconds=1))
    assert told(Api(alice.key_text).get("/mailboxes")) == (401, "expired_key")


@pytest.mark.parametrize("name", ["api_key", "token", "anything"])
def test_a_key_in_the_address_is_refused_even_beside_a_good_one(name: str) -> None:
    alice = builders.tenant()
    assert told(Api(alice.key_text).get("/mailboxes", **{name: alice.key_text})) == (401, "key_in_query")


def test_the_scheme_is_read_in_any_case() -> None:
    alice = builders.tenant()
    answer = Api().client.get("/v1/mailboxes", headers={"Authorization": f"bearer  {alice.key_text} "})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/account", None),
        ("GET", "/api-keys", None),
        ("POST", "/api-keys", {}),
        ("DELETE", "/api-keys/{key}", None),
        ("POST", "/mailboxes", {"address": "other"}),
        ("DELETE", "/mailboxes/{mailbox}", None),
    ],
)
def test_a_scoped_key_may_not_administrate(method: str, path: str, body: object) -> None:
    alice = builders.tenant()
    key, text = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())
    answer = Api(text).send(method, path.format(key=key.pk, mailbox=alice.mailbox.pk), body)
    assert (answer.status, answer.code) == (403, "scoped_key")


def test_a_scoped_key_sees_its_mailboxes_and_no_other() -> None:
    alice = builders.tenant()
    other = Api(alice.key_text).post("/mailboxes", {"address": "second"}).json["mailbox"]["id"]
    scoped = Api(alice.key_text).post("/api-keys", {"mailboxIds": [str(alice.mailbox.pk)]})
    assert scoped.json["scoped"] is True
    api = Api(scoped.json["key"])
    assert [box["id"] for box in api.get("/mailboxes").json["mailboxes"]] == [str(alice.mailbox.pk)]
    assert api.get(f"/mailboxes/{alice.mailbox.pk}").status == 200
    for path in ("", "/messages", "/threads"):
        assert api.get(f"/mailboxes/{other}{path}").status == 404
    assert api.patch(f"/mailboxes/{other}", {"displayName": "Hal"}).status == 404


def test_a_decide_key_reads_but_does_not_change() -> None:
    alice = builders.tenant()
    api = Api(builders.decide_key(alice.owner))
    assert api.get("/mailboxes").status == 200
    assert api.patch(f"/mailboxes/{alice.mailbox.pk}", {"displayName": "Hal"}).code == "missing_scope"
    assert api.get("/api-keys").status == 403


def test_nobody_scopes_a_key_to_a_mailbox_of_others() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    for mailbox_id in (str(alice.mailbox.pk), "no-id"):
        assert Api(charlie.key_text).post("/api-keys", {"mailboxIds": [mailbox_id]}).status == 404


def test_the_last_full_access_key_stays() -> None:
    alice = builders.tenant()
    [only] = Api(alice.key_text).get("/api-keys").json["keys"]
    refused = Api(alice.key_text).delete(f"/api-keys/{only['id']}")
    assert (refused.status, refused.code) == (400, "last_key")
