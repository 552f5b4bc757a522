"""Whatever is sent, the answer is JSON with one shape, and never a 500."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from mailboxes.api import body
from mailboxes.api.views.mailboxes import OneMailbox
from mailboxes.models import Limit, LimitKind, Usage
from tests import builders
from tests.api_client import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api(builders.tenant().key_text)


def test_every_error_has_the_same_members(api: Api) -> None:
    answers = [
        Api().get("/mailboxes"),
        api.get("/mailboxes/nobody"),
        api.post("/mailboxes", {"address": ""}),
        api.send("PUT", "/mailboxes"),
        api.get("/nowhere"),
    ]
    for answer in answers:
        assert all(isinstance(answer.json[name], str) for name in ("error", "code", "fix", "requestId", "docs"))
        assert answer.json["requestId"] == answer.headers["X-Request-Id"]
        assert answer.json["docs"].startswith("http")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"address": NaN}',
        b'{"address": 1e400}',
        b'{"address": -Infinity}',
        b'{"address": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"metadata": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
        b'{"address": "a", "address": "b"}',
        b'{"metadata": {"x": "1", "x": "2"}}',
        rb'{"address": "a\u0000b"}',
        rb'{"address": "\ud800"}',
        rb'{"\ud800": 1}',
        rb'{"metadata": {"a\u0000": "b"}}',
        b'{"address": "a\nb"}',
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_a_hostile_body_is_a_400(api: Api, raw: bytes) -> None:
    """A16."""
    answer = api.send("POST", "/mailboxes", raw)
    assert answer.status == 400
    assert answer.code in {"malformed_json", "duplicate_name", "unusable_text"}


def test_a_body_over_the_limit_is_a_413(api: Api) -> None:
    """A16."""
    answer = api.send("POST", "/mailboxes", b'{"address": "' + b"a" * body.MAX_BYTES + b'"}')
    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_a_415(api: Api, kind: str) -> None:
    answer = api.post("/mailboxes", {"address": "other"}, Content_Type=kind)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_chunked_body_is_a_411(api: Api) -> None:
    """A16."""
    response = api.client.generic(
        "POST",
        "/v1/mailboxes",
        headers={**api.headers, "Transfer-Encoding": "chunked"},
        CONTENT_TYPE="application/json",
    )
    assert (response.status_code, response.json()["code"]) == (411, "length_required")


def test_a_wrong_method_is_a_405_that_names_the_right_ones(api: Api) -> None:
    answer = api.send("PUT", "/mailboxes")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_accept_does_not_matter(api: Api) -> None:
    response = api.client.get("/v1/mailboxes", headers={**api.headers, "Accept": "text/html"})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    "path", ["", "/", "/nowhere", "/mailboxes/", "/mailboxes/a/b/c", "/..%2f", "/%00", "//", "/v1"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "BREW"])
def test_an_unknown_address_is_told_with_a_way_back(method: str, path: str) -> None:
    answer = Api().send(method, path)
    assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert isinstance(answer.json["message"], str)
    assert set(answer.json["resolution"]) == {"openapi", "docs", "endpoints", "commonEndpoints"}


@pytest.mark.parametrize(
    "mailbox_id", ["x", "mbx_abc123", "%2e%2e", "a%2Fb", "00000000-0000-0000-0000-000000000000", "%00"]
)
def test_a_malformed_id_is_as_unknown_as_an_unknown_one(api: Api, mailbox_id: str) -> None:
    for path in ("", "/messages", "/threads"):
        answer = api.get(f"/mailboxes/{mailbox_id}{path}")
        assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_an_unknown_field_is_named_with_the_nearest_known_one(api: Api) -> None:
    answer = api.post("/mailboxes", {"address": "other", "displayname": "Hal"})
    assert (answer.status, answer.code) == (400, "unknown_field")
    assert (answer.json["field"], answer.json["nearest"]) == ("displayname", "displayName")


def test_a_missing_field_and_a_wrong_one_are_told_apart(api: Api) -> None:
    missing = api.post("/mailboxes", {})
    wrong = api.post("/mailboxes", {"address": 7})
    assert (missing.code, missing.json["field"]) == ("missing_field", "address")
    assert (wrong.code, wrong.json["field"]) == ("invalid_field", "address")


def test_plain_http_is_refused_in_json_where_https_is_meant(api: Api, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    for answer in (api.get("/mailboxes"), Api().post("/api/auth/sign-in/email", {})):
        assert (answer.status, answer.code) == (403, "https_required")


def test_a_fault_of_ours_gives_nothing_away(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    alice = builders.tenant()
    monkeypatch.setattr(OneMailbox, "get", _broken(RuntimeError("secret detail")))
    with caplog.at_level(logging.CRITICAL):
        answer = Api(alice.key_text, shows_bugs=False).get(f"/mailboxes/{alice.mailbox.pk}")
    assert (answer.status, answer.code) == (500, "server_error")
    assert "secret" not in str(answer.json)


def test_a_silent_database_is_a_503_that_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = builders.tenant()
    monkeypatch.setattr(OneMailbox, "get", _broken(OperationalError("the connection is lost")))
    answer = Api(alice.key_text).get(f"/mailboxes/{alice.mailbox.pk}")
    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("used", "limit", "header", "warning"),
    [
        (0, 100, "0/100", None),
        (49, 100, "49/100", None),
        (50, 100, "50/100", "approaching"),
        (80, 100, "80/100", "near"),
        (101, 100, "101/100", "reached"),
        (7, 0, "7/unlimited", None),
    ],
)
def test_every_answer_to_a_key_tells_the_inbound_quota(used: int, limit: int, header: str, warning: str | None) -> None:
    alice = builders.tenant()
    Limit.objects.create(account=alice.account, kind=LimitKind.MONTHLY_INBOUND, amount=limit)
    builders.received(alice.account, used)
    for answer in (Api(alice.key_text).get("/mailboxes"), Api(alice.key_text).get("/mailboxes/nobody")):
        assert answer.headers["X-Robotomail-Inbound-Quota"] == header
        assert answer.headers.get("X-Robotomail-Inbound-Warning") == warning
    assert Usage.objects.filter(subject_id=alice.account.pk, kind=LimitKind.MONTHLY_INBOUND).count() <= 1


def _broken(error: Exception) -> Any:
    def broken(*_: object, **__: object) -> None:
        raise error

    return broken
