"""Domains over the API, from adding one to a mailbox on it."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes import clock, keys, suspensions
from mailboxes.models import Domain, Event
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.domain_zone import add, serving, verified, zone_of

pytestmark = pytest.mark.django_db

NAME = "shop.example"


@pytest.fixture
def alice() -> Tenant:
    alice = builders.tenant()
    builders.limit(alice.account, "domains", 2)
    return alice


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


def zone(answer: object) -> dict[tuple[str, str], list[str]]:
    """What somebody publishes who knows the contract's five members and no other."""
    assert isinstance(answer, dict)
    records = answer["dnsRecords"]
    known = [records["mx"], records["sendMx"], records["spf"], *records["dkim"], records["dmarc"]]
    published: dict[tuple[str, str], list[str]] = {}
    for one in known:
        value = f"{one['priority']} {one['value']}" if "priority" in one else one["value"]
        published.setdefault((one["host"], one["type"]), []).append(value)
    return published


def test_from_adding_a_domain_to_a_mailbox_on_it(api: Api) -> None:
    made = api.post("/domains", {"domain": "Shop.Example."})
    domain = made.json["domain"]
    assert (made.status, domain["domain"], domain["status"]) == (201, NAME, "PENDING_VERIFICATION")
    path = f"/domains/{domain['id']}"
    assert api.post("/mailboxes", {"address": "desk", "domainId": domain["id"]}).code == "domain_not_verified"

    with serving({}):
        looked = api.post(f"{path}/verify")
    assert looked.status == 200
    assert set(looked.json["verification"].values()) == {False}
    assert [one["record"] for one in looked.json["domain"]["checks"] if not one["ok"]] == [
        *("ownership", "mx", "sendMx", "spf", "dkim", "dkim", "dmarc")
    ]
    with serving(zone(made.json)):
        looked = api.post(f"{path}/verify")
    assert set(looked.json["verification"].values()) == {True}
    assert looked.json["domain"]["status"] == "VERIFIED"
    assert api.get(path).json["domain"] == looked.json["domain"]

    box = api.post("/mailboxes", {"address": "Desk", "domainId": domain["id"]}).json["mailbox"]
    assert (box["fullAddress"], box["domainId"], box["status"]) == ("desk@shop.example", domain["id"], "ACTIVE")
    assert api.delete(path).code == "domain_in_use"
    assert api.delete(f"/mailboxes/{box['id']}").status == 200
    assert api.delete(path).json == {"deleted": True}
    assert (api.get(path).status, api.get("/domains").json) == (404, {"domains": []})


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 400, "missing_field"),
        ({"domain": 7}, 400, "invalid_field"),
        ({"domain": "x" * 1101}, 400, "invalid_field"),
        ({"domain": "localhost"}, 400, "invalid_domain"),
        ({"domain": "x." * 130 + "example"}, 400, "invalid_domain"),
        ({"domain": "co.uk"}, 400, "public_suffix"),
        ({"domain": "a.agents.example"}, 400, "platform_domain"),
        ({"domain": NAME, "mx": True}, 400, "unknown_field"),
    ],
)
def test_a_domain_that_can_not_be_is_refused(api: Api, asked: dict[str, object], status: int, code: str) -> None:
    answer = api.post("/domains", asked)
    assert (answer.status, answer.code) == (status, code)
    assert answer.json["fix"]
    assert not Domain.objects.filter(is_platform=False).exists()


def test_the_same_domain_twice_is_a_conflict_in_any_spelling(api: Api) -> None:
    assert api.post("/domains", {"domain": "b\u00fccher.example"}).status == 201
    again = api.post("/domains", {"domain": "XN--BCHER-KVA.example."})
    assert (again.status, again.code) == (409, "domain_taken")


def test_another_account_may_prepare_the_same_domain_and_learns_nothing(api: Api, alice: Tenant) -> None:
    """A54, A53."""
    verified(alice.account)
    charlie = builders.tenant("charlie")
    builders.limit(charlie.account, "domains", 1)
    made = Api(charlie.key_text).post("/domains", {"domain": NAME})
    assert (made.status, made.json["domain"]["status"]) == (201, "PENDING_VERIFICATION")


def test_the_plan_says_how_many_and_how_to_get_more(api: Api, alice: Tenant) -> None:
    for name in ("a.example", "b.example"):
        assert api.post("/domains", {"domain": f"shop.{name}"}).status == 201
    third = api.post("/domains", {"domain": NAME})
    assert (third.status, third.code) == (403, "domain_limit")
    assert "POST /v1/billing/upgrade" in third.json["upgrade"]
    builders.limit(alice.account, "domains", -1)
    assert "no domains of its own" in api.post("/domains", {"domain": NAME}).json["error"]


def test_nobody_unverified_suspended_or_scoped_adds_a_domain(api: Api, alice: Tenant) -> None:
    unverified = builders.tenant("uma", is_verified=False)
    assert Api(unverified.key_text).post("/domains", {"domain": NAME}).code == "email_not_verified"
    _, scoped = keys.create_agent_key(alice.agent, name="scoped", mailboxes=[alice.mailbox], now=clock.now())
    domain = add(alice.account, "office.example")
    for method, path in (
        *(("GET", "/domains"), ("POST", "/domains"), ("GET", f"/domains/{domain.pk}")),
        *(("DELETE", f"/domains/{domain.pk}"), ("POST", f"/domains/{domain.pk}/verify")),
    ):
        assert Api(scoped).send(method, path).code == "scoped_key"
    suspensions.suspend(alice.account, reason="bounces", by="test", now=clock.now())
    answer = api.post("/domains", {"domain": NAME})
    assert (answer.status, answer.code, answer.json["suspended"]) == (403, "account_suspended", True)
    with serving(zone_of(domain)):
        assert api.post(f"/domains/{domain.pk}/verify").json["verification"]["allVerified"] is True
    assert api.delete(f"/domains/{domain.pk}").status == 200


def test_a_test_key_has_no_domains_but_the_one_of_test_accounts(alice: Tenant) -> None:
    twin = builders.twin(alice)
    api = Api(twin.key_text)
    builders.limit(twin.account, "domains", 0)
    for method, path in (("GET", "/domains"), ("POST", "/domains"), ("POST", f"/domains/{alice.mailbox.pk}/verify")):
        assert api.send(method, path, {"domain": NAME} if method == "POST" else None).code == "wrong_environment"
    house = str(alice.mailbox.domain_id)
    assert api.post("/mailboxes", {"address": "desk", "domainId": house}).status == 404


@pytest.mark.parametrize("domain_id", ["no-id", "..", "%2F", "00000000-0000-0000-0000-000000000000"])
def test_what_is_no_domain_of_the_account_is_not_found(api: Api, domain_id: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/verify")):
        assert api.send(method, f"/domains/{domain_id}{path}").status == 404


def test_the_platforms_domain_is_nobodys(api: Api, alice: Tenant) -> None:
    house = alice.mailbox.domain_id
    assert api.get(f"/domains/{house}").status == 404
    assert api.get("/domains").json == {"domains": []}


def test_an_idempotency_key_adds_once_and_answers_alike(api: Api) -> None:
    first, again = (api.post("/domains", {"domain": NAME}, Idempotency_Key="once") for _ in range(2))
    assert (first.status, first.json) == (201, again.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    path = f"/domains/{first.json['domain']['id']}/verify"
    with serving(zone(first.json)):
        looked = api.post(path, Idempotency_Key="look")
    assert api.post(path, Idempotency_Key="look").json == looked.json
    assert looked.json["verification"]["allVerified"] is True


def test_no_answer_and_no_event_shows_a_private_key_or_the_token(api: Api) -> None:
    made = api.post("/domains", {"domain": NAME})
    token = made.json["dnsRecords"]["ownership"]["value"].partition("=")[2]
    told = "".join(Event.objects.values_list("data", flat=True))
    assert token not in told
    assert "PRIVATE" not in str(made.json)
    stored = [bytes(key.private_key).decode() for key in Domain.objects.get(name=NAME).dkim_keys.all()]
    assert not [one for one in stored if one in str(made.json)]


def test_the_zone_file_holds_every_record(api: Api) -> None:
    made = api.post("/domains", {"domain": NAME}).json
    lines = made["zoneFile"].splitlines()
    assert len(lines) == 7
    assert f"send.{NAME}. 3600 IN MX 10 mail.agents.example." in lines
    assert all(re.match(r"[\w.-]+\. 3600 IN (MX|TXT) ", line) for line in lines)


def test_a_list_of_domains_costs_the_same_however_many_they_are(api: Api, alice: Tenant) -> None:
    counts: list[int] = []
    for name in ("shop.example", "office.example", "desk.example"):
        add(alice.account, name)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(api.get("/domains").json["domains"]) == len(counts) + 1
        counts.append(len(queries))
    assert counts[0] == counts[2]
