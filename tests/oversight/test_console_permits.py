"""`/permits/`: what waits for a person, who may answer, and what the page tells of the past."""

from __future__ import annotations

import pytest

from mailboxes import clock
from mailboxes.models import Role
from oversight import permits
from oversight.models import Permit, PermitState
from tests import builders
from tests.api_client import Api
from tests.builders import PASSWORD, Tenant

from .console import seat, text_of
from .leave import EVIL, asks_first, call, code_for, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    owner = builders.tenant()
    asks_first(owner)
    return owner


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


def test_a_person_reads_what_will_happen_and_allows_it_with_the_password(alice: Tenant, api: Api) -> None:
    call(api)
    permit, console = waiting(alice), seat(alice.owner)
    page = text_of(console.get("/permits/"))
    assert "Make a webhook to https://collect.example/drop" in page
    assert "message.received" in page
    assert alice.key_text[:14] in page
    assert code_for(alice) not in page
    grant = f"/permits/{permit.pk}/grant/"
    for wrong in ({}, {"password": "not mine"}):
        assert console.post(grant, wrong).status_code == 422
    assert Permit.objects.get().state == PermitState.WAITING
    assert console.get(grant).status_code == 200
    assert Permit.objects.get().state == PermitState.WAITING
    assert console.post(grant, {"password": PASSWORD}).status_code == 302
    assert "has not come back for it yet" in text_of(console.get("/permits/"))
    assert call(api).status == 201
    assert "and done" in text_of(console.get("/permits/"))


def test_a_person_refuses_and_nothing_is_done(alice: Tenant, api: Api) -> None:
    call(api)
    console = seat(alice.owner)
    assert console.post(f"/permits/{waiting(alice).pk}/refuse/").status_code == 302
    assert call(api).code == "permit_refused"
    page = text_of(console.get("/permits/"))
    assert "Refused by" in page
    assert "Nothing waits for you" in page


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
def test_whoever_does_not_manage_the_account_looks_and_answers_nothing(alice: Tenant, api: Api, role: Role) -> None:
    call(api)
    permit, console = waiting(alice), seat(builders.member(alice.account, role=role))
    page = text_of(console.get("/permits/"))
    assert "Make a webhook" in page
    assert "Allow…" not in page
    assert console.post(f"/permits/{permit.pk}/grant/", {"password": PASSWORD}).status_code == 403
    assert console.post(f"/permits/{permit.pk}/refuse/").status_code == 403
    assert Permit.objects.get().state == PermitState.WAITING


def test_what_was_answered_is_not_answered_again(alice: Tenant, api: Api) -> None:
    call(api)
    permit, console = waiting(alice), seat(alice.owner)
    permits.refuse(alice.owner, permit.pk, now=clock.now())
    assert console.post(f"/permits/{permit.pk}/grant/", {"password": PASSWORD}).status_code == 404
    assert console.post(f"/permits/{permit.pk}/refuse/").status_code == 404


def test_the_menu_counts_what_waits(alice: Tenant, api: Api) -> None:
    console = seat(alice.owner)
    assert '1<span class="visually-hidden"> waiting' not in text_of(console.get("/keys/"))
    call(api)
    assert '1<span class="visually-hidden"> waiting' in text_of(console.get("/keys/"))


def test_the_page_asks_the_database_no_more_for_many(
    alice: Tenant, api: Api, django_assert_max_num_queries: object
) -> None:
    for number in range(4):
        call(api, body=EVIL | {"url": f"https://collect.example/{number}"})
    console = seat(alice.owner)
    permits.refuse(alice.owner, Permit.objects.earliest("asked_at").pk, now=clock.now())
    with django_assert_max_num_queries(10):  # type: ignore[operator]  # pytest-django's
        assert "Refused by" in text_of(console.get("/permits/"))


def test_what_an_agent_wrote_is_no_markup(alice: Tenant, api: Api) -> None:
    api.post("/api-keys", {"name": "<script>alert(1)</script><a href='https://collect.example'>Allow</a>"})
    page = text_of(seat(alice.owner).get("/permits/"))
    assert "<script>alert" not in page
    assert "<a href='https://collect" not in page
