"""Test keys: the same API with data of its own."""

from __future__ import annotations

import pytest

from mailboxes import clock, mailbox, people
from mailboxes.models import Mailbox, Member, Role
from mailboxes.modes import OversightMode
from messaging.models import Captured, Message
from messaging.outbound import dispatch
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def charlie() -> Tenant:
    return builders.tenant("charlie")


def trial_of(alice: Tenant) -> Api:
    made = Api(alice.key_text).post("/api-keys", {"name": "trial", "environment": "test"})
    assert (made.status, made.json["environment"]) == (201, "test")
    assert made.json["key"].startswith("gp_test_")
    return Api(made.json["key"])


def test_a_test_key_has_a_mailbox_of_its_own_and_sees_no_other(alice: Tenant) -> None:
    api = trial_of(alice)
    (box,) = api.get("/mailboxes").json["mailboxes"]
    assert box["fullAddress"] == f"{alice.account.slug}@test.agents.example"
    assert [one["id"] for one in Api(alice.key_text).get("/mailboxes").json["mailboxes"]] == [str(alice.mailbox.pk)]


def test_a_second_test_key_sees_the_same_data(alice: Tenant) -> None:
    first, second = trial_of(alice), trial_of(alice)
    assert first.get("/mailboxes").json == second.get("/mailboxes").json
    third = first.post("/api-keys", {})
    assert third.json["environment"] == "test"


@pytest.mark.parametrize("path", ["/mailboxes/{}", "/mailboxes/{}/messages", "/mailboxes/{}/threads"])
def test_the_wrong_kind_of_key_is_told_so(alice: Tenant, path: str) -> None:
    api, twin = trial_of(alice), Mailbox.objects.get(account__test_of=alice.account)
    for key, box, right in ((api, alice.mailbox, "gp_live_"), (Api(alice.key_text), twin, "gp_test_")):
        answer = key.get(path.format(box.pk))
        assert (answer.status, answer.code) == (403, "wrong_environment")
        assert right in answer.json["fix"]


def test_the_wrong_kind_of_key_sends_nothing(alice: Tenant) -> None:
    api, twin = trial_of(alice), Mailbox.objects.get(account__test_of=alice.account)
    body = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day."}
    for key, box in ((api, alice.mailbox), (Api(alice.key_text), twin)):
        assert key.post(f"/mailboxes/{box.pk}/messages", body).code == "wrong_environment"
    assert not Message.objects.filter(direction="OUTBOUND", account__is_platform=False).exists()


def test_a_stranger_and_a_scoped_key_learn_nothing_of_test_data(alice: Tenant, charlie: Tenant) -> None:
    twin = builders.twin(alice)
    scoped = Api(alice.key_text).post("/api-keys", {"mailboxIds": [str(alice.mailbox.pk)]}).json["key"]
    for key in (scoped, charlie.key_text, builders.twin(charlie).key_text):
        assert Api(key).get(f"/mailboxes/{twin.mailbox.pk}").status == 404


def test_a_test_key_makes_no_live_key(alice: Tenant) -> None:
    answer = trial_of(alice).post("/api-keys", {"environment": "live"})
    assert (answer.status, answer.code) == (403, "wrong_environment")


def test_a_key_is_never_scoped_to_the_other_environments_mailboxes(alice: Tenant) -> None:
    trial_of(alice)
    answer = Api(alice.key_text).post("/api-keys", {"environment": "test", "mailboxIds": [str(alice.mailbox.pk)]})
    assert answer.status == 404


def test_a_live_key_lists_and_revokes_test_keys_and_never_the_other_way_round(alice: Tenant) -> None:
    live, trial = Api(alice.key_text), trial_of(alice)
    listed = {one["environment"]: one["id"] for one in live.get("/api-keys").json["keys"]}
    assert set(listed) == {"live", "test"}
    assert [one["environment"] for one in trial.get("/api-keys").json["keys"]] == ["test"]
    assert trial.delete(f"/api-keys/{listed['live']}").status == 404
    assert live.delete(f"/api-keys/{listed['test']}").status == 200
    assert trial.get("/mailboxes").code == "revoked_key"


def test_mail_of_a_test_key_is_reviewed_by_the_same_people_and_captured(alice: Tenant) -> None:
    twin = builders.twin(alice)
    assert twin.owner.user_id == alice.owner.user_id
    review = builders.held(twin)
    assert review.account_id == twin.account.pk
    mailbox.set_mode(twin.mailbox, OversightMode.AUTONOMOUS, by="test", now=clock.now())
    sent = builders.submit(twin, to=(alice.mailbox.full_address,))
    dispatch.drain()
    assert Captured.objects.get(recipient__message=sent).is_looped is False  # it does not reach the live mailbox


def test_members_have_the_same_role_in_the_test_account(alice: Tenant) -> None:
    early = builders.member(alice.account)
    twin = builders.twin(alice).account
    late = builders.member(alice.account, "bob", Role.VIEWER)
    people.change_role(early, Role.ADMIN, by="test", now=clock.now())
    roles = dict(Member.objects.filter(account=twin).values_list("user_id", "role"))
    assert roles == {alice.owner.user_id: "owner", early.user_id: "admin", late.user_id: "viewer"}
