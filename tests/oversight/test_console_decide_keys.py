"""Decide keys: made by a signed-in human with the password, shown once, revoked by their owner."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from mailboxes import clock, keys
from mailboxes.errors import Unauthenticated
from mailboxes.models import ApiKey, Member, Role, Scope
from tests import builders
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db


def made(person: Member, *, password: str = builders.PASSWORD, name: str = "Night shift") -> str:
    response = seat(person).post("/keys/", {"name": name, "password": password})
    return text_of(response)


def secret_in(page: str) -> str | None:
    found = re.search(r"gp_live_[0-9A-Za-z]{49}", page)
    return found.group() if found else None


def test_a_reviewer_makes_a_key_that_decides_and_never_sends() -> None:
    rhea = builders.member(builders.tenant().account)
    secret = secret_in(made(rhea))
    assert secret
    principal = keys.authenticate(secret, now=clock.now())
    assert principal.member == rhea
    assert principal.scopes == frozenset({Scope.READ, Scope.DECIDE})


def test_the_key_is_shown_once() -> None:
    rhea = builders.member(builders.tenant().account)
    secret = secret_in(made(rhea))
    later = text_of(seat(rhea).get("/keys/"))
    assert secret
    assert secret not in later
    assert "Night shift" in later
    assert secret[:14] in later


@pytest.mark.parametrize("wrong", [{"password": "not mine"}, {"name": ""}])
def test_no_key_is_made_without_a_name_and_the_password(wrong: dict[str, str]) -> None:
    rhea = builders.member(builders.tenant().account)
    page = made(rhea, **wrong)
    assert secret_in(page) is None
    assert "field-error" in page
    assert not ApiKey.objects.filter(member=rhea).exists()


def test_a_key_may_end_and_be_bound_to_addresses() -> None:
    rhea = builders.member(builders.tenant().account)
    asked = {"name": "Night shift", "password": builders.PASSWORD}
    bounds = {"last_day": "2028-02-29", "addresses": "198.51.100.7, 2001:DB8::/32"}
    secret = secret_in(text_of(seat(rhea).post("/keys/", asked | bounds)))
    key = ApiKey.objects.get(member=rhea)
    assert key.expires_at == datetime(2028, 3, 1, tzinfo=UTC)
    assert key.ip_allowlist == ["198.51.100.7", "2001:db8::/32"]
    assert keys.authenticate(secret or "", address="198.51.100.7", now=clock.now()).member == rhea
    with pytest.raises(Unauthenticated):
        keys.authenticate(secret or "", address="198.51.100.8", now=clock.now())
    page = text_of(seat(rhea).get("/keys/"))
    assert "ends" in page
    assert "2001:db8::/32" in page
    assert "never used" not in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"last_day": "2020-01-01"},
        {"last_day": "9999-12-31"},
        {"last_day": "soon"},
        {"addresses": "10.0.0.1/8"},
        {"addresses": "<b>"},
        {"addresses": " ".join(f"10.0.0.{number}" for number in range(21))},
    ],
    ids=["past", "far", "words", "host bits", "markup", "many"],
)
def test_an_end_or_a_list_that_is_none_makes_no_key(wrong: dict[str, str]) -> None:
    rhea = builders.member(builders.tenant().account)
    page = text_of(seat(rhea).post("/keys/", {"name": "x", "password": builders.PASSWORD} | wrong))
    assert "field-error" in page
    assert not ApiKey.objects.filter(member=rhea).exists()


def test_a_viewer_gets_no_key() -> None:
    vera = builders.member(builders.tenant().account, "vera", Role.VIEWER)
    assert seat(vera).get("/keys/").status_code == 403
    assert secret_in(made(vera)) is None


def test_a_revoked_key_opens_nothing() -> None:
    rhea = builders.member(builders.tenant().account)
    secret, client = secret_in(made(rhea)), seat(rhea)
    key = ApiKey.objects.get(member=rhea)
    assert client.post(f"/keys/{key.pk}/revoke/").headers["Location"] == "/keys/"
    with pytest.raises(Unauthenticated) as refusal:
        keys.authenticate(secret or "", now=clock.now())
    assert refusal.value.code == "revoked_key"
    assert "Night shift is revoked" in text_of(client.get("/keys/"))
    assert "You have none." in text_of(client.get("/keys/"))


def test_nobody_revokes_the_key_of_another_member() -> None:
    alice = builders.tenant()
    rhea = builders.member(alice.account)
    made(rhea)
    key = ApiKey.objects.get(member=rhea)
    agent_key = ApiKey.objects.get(agent=alice.agent)
    for other in (key, agent_key):
        assert seat(alice.owner).post(f"/keys/{other.pk}/revoke/").status_code == 404
        other.refresh_from_db()
        assert other.revoked_at is None
