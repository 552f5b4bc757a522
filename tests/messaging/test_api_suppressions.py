"""Suppressions over the API: who may write them, in which spellings, and what they do to mail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes import clock, suspensions
from mailboxes.models import Event
from messaging.models import Suppression, SuppressionReason
from messaging.recipients import suppressions
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

MAIL = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day."}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def api(alice: Tenant) -> Api:
    return Api(alice.key_text)


def test_mail_to_a_suppressed_address_is_refused_until_it_is_removed(alice: Tenant, api: Api) -> None:
    made = api.post("/suppressions", {"email": "kim@friends.example", "reason": "MANUAL"})
    assert made.status == 201
    assert made.json["suppression"]["reason"] == "MANUAL"
    path = f"/mailboxes/{alice.mailbox.pk}/messages"
    assert api.post(path, MAIL).code == "suppressed_recipient"
    assert api.delete(f"/suppressions/{made.json['suppression']['id']}").json == {"deleted": True}
    assert api.post(path, MAIL).status == 201
    assert api.get("/suppressions").json == {"suppressions": [], "nextCursor": None}


def test_a_message_that_failed_stays_failed_when_the_suppression_is_removed(alice: Tenant, api: Api) -> None:
    review = builders.held(alice)
    rhea = Api(builders.decide_key(builders.member(alice.account)))
    made = api.post("/suppressions", {"email": "kim@friends.example"}).json["suppression"]
    rhea.post(f"/oversight/reviews/{review.pk}/reject", {"reason": "tone"})
    api.delete(f"/suppressions/{made['id']}")
    message = api.get(f"/mailboxes/{alice.mailbox.pk}/messages/{review.message_id}").json["message"]
    assert message["status"] == "FAILED"


@pytest.mark.parametrize(
    "email",
    ["KIM@Friends.example", "kim@FRIENDS.EXAMPLE", "kim+news@friends.example", "kim@ｆriends.example"],  # noqa: RUF001
)
def test_an_address_is_suppressed_once_however_it_is_written(email: str, api: Api) -> None:
    assert api.post("/suppressions", {"email": "kim@friends.example"}).status == 201
    again = api.post("/suppressions", {"email": email})
    assert (again.status, again.code) == (409, "already_suppressed")
    assert [one["email"] for one in api.get("/suppressions").json["suppressions"]] == ["kim@friends.example"]


def test_an_address_is_kept_in_its_canonical_spelling(api: Api) -> None:
    assert api.post("/suppressions", {"email": "Kim@FASS.Example"}).json["suppression"]["email"] == "kim@fass.example"


def test_what_a_bounce_suppressed_is_listed_removed_and_not_doubled(alice: Tenant, api: Api) -> None:
    suppressions.add(alice.account, "gone@friends.example", reason=SuppressionReason.BOUNCE, now=clock.now())
    assert api.post("/suppressions", {"email": "gone@friends.example"}).status == 409
    [row] = api.get("/suppressions").json["suppressions"]
    assert row["reason"] == "BOUNCE"
    assert api.delete(f"/suppressions/{row['id']}").status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": None}, "email"),
        ({"email": ""}, "email"),
        ({"email": 17}, "email"),
        ({"email": "no address"}, "email"),
        ({"email": "Kim <kim@friends.example>"}, "email"),
        ({"email": "a@x.example,b@x.example"}, "email"),
        ({"email": "kim@friends.example", "reason": "BOUNCE"}, "reason"),
        ({"email": "kim@friends.example", "reason": "manual"}, "reason"),
        ({"email": "kim@friends.example", "note": "x"}, "note"),
    ],
)
def test_a_request_that_can_not_be_used_names_the_field(body: dict[str, object], field: str, api: Api) -> None:
    answer = api.post("/suppressions", body)
    assert (answer.status, answer.json["field"]) == (400, field)
    assert not Suppression.objects.exists()


def test_only_a_full_access_key_sees_and_writes_them(alice: Tenant) -> None:
    mine = suppressions.add_by_hand(alice.agent_actor, "kim@friends.example", now=clock.now())
    scoped = Api(alice.key_text).post("/api-keys", {"mailboxIds": [str(alice.mailbox.pk)]}).json["key"]
    for key in (scoped, builders.decide_key(alice.owner)):
        api = Api(key)
        for answer in (
            api.get("/suppressions"),
            api.post("/suppressions", {"email": "lee@friends.example"}),
            api.delete(f"/suppressions/{mine.pk}"),
        ):
            assert (answer.status, answer.code) == (403, "scoped_key")


def test_a_stranger_neither_sees_nor_removes_nor_is_bound_by_them(alice: Tenant) -> None:
    mine = suppressions.add_by_hand(alice.agent_actor, "kim@friends.example", now=clock.now())
    charlie = Api(builders.tenant("charlie").key_text)
    assert charlie.get("/suppressions").json["suppressions"] == []
    assert charlie.delete(f"/suppressions/{mine.pk}").status == 404
    assert charlie.post("/suppressions", {"email": "kim@friends.example"}).status == 201


@pytest.mark.parametrize("id", ["nothing", "0", "%00", "01980b5e-6c1f-7d3a-9b54-3f1f6f0f7a11", "..%2F"])
def test_an_unknown_id_is_not_found(id: str, api: Api) -> None:
    assert api.delete(f"/suppressions/{id}").status == 404


def test_an_unverified_owner_sees_and_removes_and_does_not_add(alice: Tenant) -> None:
    bob = builders.tenant("bob", is_verified=False)
    api = Api(bob.key_text)
    assert api.post("/suppressions", {"email": "kim@friends.example"}).code == "email_not_verified"
    assert api.get("/suppressions").status == 200
    suppressions.add(bob.account, "gone@friends.example", reason=SuppressionReason.BOUNCE, now=clock.now())
    [row] = api.get("/suppressions").json["suppressions"]
    assert api.delete(f"/suppressions/{row['id']}").status == 200


def test_a_suspended_account_adds_and_removes(alice: Tenant, api: Api) -> None:
    suspensions.suspend(alice.account, reason="bounce_rate_exceeded", by="test", now=clock.now())
    made = api.post("/suppressions", {"email": "kim@friends.example"})
    assert made.status == 201
    assert api.delete(f"/suppressions/{made.json['suppression']['id']}").status == 200


def test_the_log_names_the_row_and_who_wrote_it_and_no_address(alice: Tenant, api: Api) -> None:
    made = api.post("/suppressions", {"email": "kim@friends.example"}).json["suppression"]
    api.delete(f"/suppressions/{made['id']}")
    added, removed = Event.objects.filter(account=alice.account, subject=made["id"]).order_by("seq")
    assert (added.kind, removed.kind) == ("suppression.added", "suppression.removed")
    for event in (added, removed):
        assert f'"by":"agent:{alice.agent.pk}"' in event.data
        assert "kim" not in event.data


def test_a_repeated_request_is_answered_as_the_first_was(api: Api) -> None:
    first, second = (
        api.post("/suppressions", {"email": "kim@friends.example"}, Idempotency_Key="one") for _ in range(2)
    )
    assert (first.status, second.status, first.json) == (201, 201, second.json)


def test_the_list_is_read_page_by_page_newest_first(alice: Tenant, api: Api) -> None:
    now = clock.now()
    for number in range(5):
        moment = now + timedelta(seconds=number // 2)  # two of each moment
        suppressions.add(alice.account, f"kim{number}@x.example", reason=SuppressionReason.BOUNCE, now=moment)
    whole = [one["email"] for one in api.get("/suppressions").json["suppressions"]]
    assert whole[0] == "kim4@x.example"
    read: list[str] = []
    query: dict[str, str] = {}
    while True:
        page = api.get("/suppressions", limit="2", **query).json
        read += [one["email"] for one in page["suppressions"]]
        if page["nextCursor"] is None:
            break
        query = {"after": page["nextCursor"]}
    assert read == whole
    assert api.get("/suppressions", limit="0").status == 400
    assert api.get("/suppressions", limit="101").status == 400
    assert api.get("/suppressions", after="nonsense").code == "invalid_cursor"


def test_a_long_list_costs_the_queries_of_a_short_one(alice: Tenant, api: Api) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            api.get("/suppressions")
        return len(caught)

    few = queries()
    for number in range(30):
        suppressions.add(alice.account, f"kim{number}@x.example", reason=SuppressionReason.BOUNCE, now=clock.now())
    assert queries() == few
