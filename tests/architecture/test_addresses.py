"""Every address is classified, and keeps its door: strangers learn not even that something is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client
from pytest_django import DjangoDbBlocker

from mailboxes import clock, stops
from mailboxes.api.openapi import document
from mailboxes.models import ApiKey, StopScope
from mailboxes.modes import OversightMode
from messaging.recipients import suppressions
from oversight import backtest, bulk, trust
from oversight.bulk import Named
from tests import builders, domain_zone, files
from tests.builders import Tenant

from .addresses import ADDRESSES, Address, Door, routes

pytestmark = pytest.mark.django_db

OBJECTS = {route: address for route, address in ADDRESSES.items() if address.objects}
KEYED = {route: address for route, address in ADDRESSES.items() if address.door in (Door.KEY, Door.DECIDE)}
SIGNED_IN = {route: address for route, address in ADDRESSES.items() if address.door is Door.MEMBER}
BODY = {
    "v1/oversight/groups/<str:id>/approve": '{"items": [{"id": "0192f3f0-0000-7000-8000-000000000000", "version": 1}]}',
    "v1/oversight/reviews/<str:id>/snooze": '{"until": "2999-01-01T00:00:00Z"}',
    "v1/oversight/reviews/<str:id>/reject": '{"reason": "tone"}',
    "v1/webhooks/<str:id>/redeliver": '{"status": "ALL"}',
}
# Agents know of no group and of no batch.
FOR_PEOPLE = {"v1/oversight/groups/<str:id>", "v1/oversight/batches/<str:id>"}
VARIABLE = re.compile(rb'"requestId": ?"[^"]*"|csrf[^>]*value="[^"]*"|nonce="[^"]*"')
PARAMETER = re.compile(r"<\w+:(\w+)>")


@dataclass(frozen=True)
class Scene:
    """Alice's things by name, and Charlie who has none of them."""

    alice: Tenant
    charlie: Tenant
    ids: Mapping[str, object]


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Scene]:
    """Made once: each test runs in a savepoint of this transaction."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield made()
        transaction.set_rollback(True)


def made() -> Scene:
    alice, charlie = builders.tenant("alice"), builders.tenant("charlie")
    review = builders.held(alice)
    builders.held(charlie)
    builders.decide_key(alice.owner)
    webhook, _ = builders.webhook(alice)
    asked = [Named(review.pk, 1)]
    batch = bulk.reject(asked, reviewer=builders.reviewer(alice.owner), reason="tone", now=clock.now())
    ids = {
        "suggestion": builders.suggested(alice).pk,
        "group": review.fingerprint,
        "batch": batch.pk,
        "dead_letter": builders.dead_letter(alice).pk,
        "agent": alice.agent.pk,
        "mailbox": alice.mailbox.pk,
        "message": review.message_id,
        "thread": review.message.thread_id,
        "review": review.pk,
        "key": ApiKey.objects.get(agent=alice.agent).pk,
        "attachment": files.upload(alice).pk,
        "domain": domain_zone.add(alice.account).pk,
        "permit": _permit(alice),
        "decide_key": ApiKey.objects.get(member=alice.owner).pk,
        "webhook": webhook.pk,
        "delivery": builders.webhook_delivery(webhook).pk,
        "version": builders.rules(alice, builders.rule(), mailbox=alice.mailbox).number,
        "rule": "always",
        "back_test": backtest.ask(alice.owner_actor, alice.mailbox.pk, 1, days=None, now=clock.now()).pk,
        "stop": _stop(alice),
        "suppression": suppressions.add_by_hand(alice.agent_actor, "gone@friends.example", now=clock.now()).pk,
    }
    return Scene(alice, charlie, ids)


def _stop(owner: Tenant) -> object:
    made = stops.stop(owner.owner, scope=StopScope.AGENT, subject_id=owner.agent.pk, now=clock.now())
    assert made is not None
    return made.pk


def _permit(owner: Tenant) -> object:
    mode = OversightMode.MONITORED
    return trust.request_upgrade(owner.agent_actor, owner.mailbox.pk, mode, now=clock.now()).pk


def ask(client: Client, route: str, address: Address, ids: Callable[[str], object], **headers: str) -> HttpResponseBase:
    """The answer at a route whose parameters are filled in."""
    path = PARAMETER.sub(lambda found: str(ids(address.objects.get(found[1], ""))), route)
    response: HttpResponseBase = client.generic(
        address.method, f"/{path}", BODY.get(route, ""), content_type="application/json", headers=headers
    )
    return response


def member(tenant: Tenant) -> Client:
    client = Client()
    client.force_login(tenant.owner.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def visitors(tenant: Tenant, address: Address) -> list[tuple[Client, dict[str, str]]]:
    """Everybody that a tenant could send to an address: a browser, an agent's key, a decide key."""
    if address.door is Door.MEMBER:
        return [(member(tenant), {})]
    keys = [builders.decide_key(tenant.owner)]
    if address.door is Door.KEY:
        keys.insert(0, tenant.key_text)
    return [(Client(), {"Authorization": f"Bearer {key}"}) for key in keys]


def content(response: HttpResponseBase) -> bytes:
    body: bytes = response.content  # type: ignore[attr-defined]
    return VARIABLE.sub(b"", body)


def test_every_address_is_classified() -> None:
    assert sorted(routes()) == sorted(ADDRESSES)


@pytest.mark.parametrize("route", OBJECTS)
def test_a_stranger_gets_the_404_of_what_does_not_exist(route: str, scene: Scene) -> None:
    """A decide key may be told 403 instead, where no decide key ever may: that says nothing of the object either."""
    address = OBJECTS[route]
    answers = []
    for client, headers in visitors(scene.charlie, address):
        theirs = ask(client, route, address, lambda name: scene.ids.get(name, 1), **headers)
        nobodys = ask(client, route, address, lambda name: uuid4() if name else 1, **headers)
        assert (theirs.status_code, content(theirs)) == (nobodys.status_code, content(nobodys))
        answers.append(theirs.status_code)
    assert answers[0] == 404
    assert set(answers) <= {403, 404}


@pytest.mark.parametrize("route", [route for route, address in OBJECTS.items() if address.method == "GET"])
def test_its_owner_gets_more_than_a_404(route: str, scene: Scene) -> None:
    address = OBJECTS[route]
    client, headers = visitors(scene.alice, address)[1 if route in FOR_PEOPLE else 0]
    answer = ask(client, route, address, lambda name: scene.ids.get(name, 1), **headers)
    has_none = "/link/" in route or "/files/" in route  # her message has no link and no file
    assert answer.status_code == (404 if has_none else 200)


@pytest.mark.parametrize("route", KEYED)
def test_nobody_comes_in_without_a_key(route: str, scene: Scene) -> None:
    answer = ask(Client(), route, KEYED[route], lambda name: scene.ids.get(name, 1))
    assert answer.status_code == 401
    session = ask(member(scene.alice), route, KEYED[route], lambda name: scene.ids.get(name, 1))
    assert session.status_code == 401


@pytest.mark.parametrize("route", SIGNED_IN)
def test_nobody_comes_in_without_signing_in(route: str, scene: Scene) -> None:
    for headers in ({}, {"Authorization": f"Bearer {scene.alice.key_text}"}):
        answer = ask(Client(), route, SIGNED_IN[route], lambda name: scene.ids.get(name, 1), **headers)
        assert answer.status_code in {302, 401, 403}


def test_the_admin_is_for_operators_only(scene: Scene) -> None:
    assert member(scene.alice).get("/admin/mailboxes/account/").status_code == 302


def test_what_is_documented_exists_and_what_exists_is_documented() -> None:
    undocumented = {"v1/openapi.json", "v1^(?:/.*)?$", "api/auth^(?:/.*)?$"}
    programs = [route for route in ADDRESSES if route.startswith(("v1", "api"))]
    existing = {PARAMETER.sub(r"{\1}", route) for route in programs} - undocumented
    documented = {path.removeprefix("/") for path in document()["paths"]}
    assert documented == existing
