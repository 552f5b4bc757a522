"""Many at once: any set is rejected, only what is alike is approved, each item wins or loses by itself."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import zeal
from pytest_django import Settings

from mailboxes import clock, keys, stops
from mailboxes.models import ApiKey, Event
from messaging.models import Message, Status
from oversight import batches, claims, decisions, reviews
from oversight.models import Batch, Decision, Review, ReviewState
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant

pytestmark = pytest.mark.django_db

PATIENCE = 600


@pytest.fixture(autouse=True)
def _many_in_one_test(settings: Settings) -> object:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():  # each submission and decision reads its own rows
        yield


def alike(owner: Tenant, count: int) -> list[Review]:
    return [
        builders.held(
            owner,
            to=(f"kim{number}@friends.example",),
            subject=f"Order {number}",
            body_text=f"Order {number} is ready.\n",
        )
        for number in range(count)
    ]


def named(found: list[Review], version: int = 1) -> list[dict[str, object]]:
    return [{"id": str(review.pk), "version": version} for review in found]


def person(owner: Tenant, name: str = "rhea") -> Api:
    return Api(builders.decide_key(builders.member(owner.account, name)))


def read(api: Api, found: list[Review]) -> None:
    for review in found:
        api.get(f"/oversight/reviews/{review.pk}")


def approve(api: Api, found: list[Review], **body: object) -> Answer:
    asked = {"items": named(found)} | body
    return api.post(f"/oversight/groups/{found[0].fingerprint}/approve", asked)


def reject(api: Api, **body: object) -> Answer:
    return api.post("/oversight/bulk/reject", {"reason": "tone"} | body)


def finished(api: Api, begun: Answer) -> dict[str, object]:
    assert begun.status == 202, begun.json
    batches.run_due(busy_for=PATIENCE)
    told: dict[str, object] = api.get(f"/oversight/batches/{begun.json['batch']['id']}", limit=100).json["batch"]
    return told


def states(found: list[Review]) -> list[str]:
    return [Review.objects.get(pk=review.pk).state for review in found]


# --- groups -----------------------------------------------------------------------------------------------------------


def test_what_says_the_same_is_one_group_and_what_does_not_is_in_none() -> None:
    alice = builders.tenant()
    found, other = alike(alice, 4), builders.held(alice, subject="Something else")
    rhea = person(alice)
    [group] = rhea.get("/oversight/groups").json["groups"]
    assert (group["id"], group["size"]) == (found[0].fingerprint, 4)
    detail = rhea.get(f"/oversight/groups/{group['id']}").json["group"]
    assert {one["id"] for one in detail["members"]} == {str(review.pk) for review in found}
    assert str(other.pk) not in detail["samples"]
    assert sorted(one["values"][0] for one in detail["members"]) == ["0", "1", "2", "3"]
    assert (detail["samplesNeeded"], len(detail["samples"])) == (3, 3)


def test_agents_know_of_no_group() -> None:
    alice = builders.tenant()
    found = alike(alice, 2)
    agent = Api(alice.key_text)
    assert agent.get("/oversight/groups").status == 403
    assert agent.get(f"/oversight/groups/{found[0].fingerprint}").status == 404
    assert agent.post(f"/oversight/groups/{found[0].fingerprint}/approve", {"items": named(found)}).status == 404
    assert agent.post("/oversight/bulk/reject", {"items": named(found), "reason": "tone"}).code == "may_not_decide"
    assert states(found) == ["open", "open"]


# --- approving --------------------------------------------------------------------------------------------------------


def test_a_group_is_approved_once_enough_of_it_was_opened() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 14), person(alice)
    refused = approve(rhea, found)
    assert (refused.status, refused.code) == (409, "samples_required")
    assert (refused.json["needed"], refused.json["opened"], len(refused.json["toOpen"])) == (4, 0, 4)
    assert not Batch.objects.exists()
    for review_id in refused.json["toOpen"]:
        rhea.get(f"/oversight/reviews/{review_id}")
    told = finished(rhea, approve(rhea, found))
    assert (told["done"], told["skipped"], told["summary"]) == (14, 0, "14 approved.")
    assert told["finishedAt"] is not None
    assert set(states(found)) == {"approved"}
    assert Message.objects.filter(status=Status.QUEUED).count() >= 14


def test_what_another_person_has_opened_does_not_count() -> None:
    alice = builders.tenant()
    found, rhea, ben = alike(alice, 4), person(alice), person(alice, "ben")
    read(ben, found)
    assert approve(rhea, found).code == "samples_required"
    assert finished(ben, approve(ben, found))["done"] == 4


def test_what_was_opened_in_an_older_version_does_not_count() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 3), person(alice)
    read(rhea, found)
    Review.objects.filter(pk=found[0].pk).update(version=3)
    assert approve(rhea, found).json["opened"] == 2


def test_what_differs_must_be_opened_or_left_out() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 6), person(alice)
    odd = builders.held(
        alice, to=("kim@elsewhere.example",), subject="Order 900000", body_text="Order 900000 is ready.\n"
    )
    assert odd.fingerprint == found[0].fingerprint
    detail = rhea.get(f"/oversight/groups/{odd.fingerprint}").json["group"]
    assert detail["members"][0]["id"] == str(odd.pk)
    assert detail["members"][0]["differs"]
    assert str(odd.pk) in detail["samples"]
    read(rhea, found)
    assert approve(rhea, [*found, odd]).json["toOpen"] == [str(odd.pk)]
    assert finished(rhea, approve(rhea, found))["done"] == 6


def test_high_risk_is_never_approved_with_others() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 4), person(alice)
    Review.objects.filter(pk=found[1].pk).update(risk="high")
    read(rhea, found)
    told = finished(rhea, approve(rhea, found))
    assert (told["done"], told["skipped"], told["summary"]) == (3, 1, "3 approved, 1 skipped.")
    assert states(found)[1] == ReviewState.OPEN


def test_risk_that_rises_after_the_batch_was_asked_for_is_seen() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 3), person(alice)
    read(rhea, found)
    begun = approve(rhea, found)
    Review.objects.filter(pk=found[2].pk).update(risk="high")
    told = finished(rhea, begun)
    assert told["summary"] == "2 approved, 1 skipped."


def test_a_message_that_was_changed_after_the_batch_was_asked_for_is_skipped() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 3), person(alice)
    read(rhea, found)
    begun = approve(rhea, found)
    Message.objects.filter(pk=found[2].message_id).update(body_text="Pay to another account.\n")
    told = finished(rhea, begun)
    [skipped] = [one for one in told["items"] if one["outcome"] == "skipped"]  # type: ignore[attr-defined]
    assert (skipped["reviewId"], skipped["code"]) == (str(found[2].pk), "changed")
    assert states(found)[2] == ReviewState.OPEN


def test_what_came_back_at_its_release_is_approved_with_what_came_back_for_the_same_reason() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 3), person(alice)
    for review in found:
        decisions.approve(review, reviewer=builders.reviewer(alice.owner), version=1, now=clock.now())
    stop = stops.stop(alice.owner, reason="test", now=clock.now())
    assert builders.release() == 3
    assert stop
    assert stops.resume(alice.owner, now=clock.now())
    back = [Review.objects.get(pk=review.pk) for review in found]
    assert len({review.fingerprint for review in back} - {found[0].fingerprint}) == 1
    read(rhea, back)
    told = finished(rhea, approve(rhea, back, items=named(back, version=3)))
    assert told["summary"] == "3 approved."


def test_a_version_that_has_moved_on_is_skipped_and_the_others_are_not() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 3), person(alice)
    read(rhea, found)
    begun = approve(rhea, found)
    bob = builders.reviewer(builders.member(alice.account, "bob"))
    decisions.reject(found[0], reviewer=bob, version=1, reason="tone", now=clock.now())
    told = finished(rhea, begun)
    assert told["summary"] == "2 approved, 1 skipped."
    assert states(found) == ["rejected", "approved", "approved"]


def test_no_more_than_the_server_allows_is_approved_at_once(settings: Settings) -> None:
    settings.BULK_APPROVE_MOST = 3
    alice = builders.tenant()
    found, rhea = alike(alice, 4), person(alice)
    read(rhea, found)
    assert approve(rhea, found).code == "batch_size"
    assert approve(rhea, found[:1], items=named(found[:1]) * 2).code == "review_twice"


def test_reviews_outside_of_the_group_are_skipped_and_those_of_strangers_are_not_there() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    found, other, rhea = alike(alice, 3), builders.held(alice, subject="Else"), person(alice)
    read(rhea, [*found, other])
    assert approve(rhea, [*found, builders.held(charlie)]).status == 404
    assert approve(rhea, found, items=[{"id": str(uuid4()), "version": 1}]).status == 404
    told = finished(rhea, approve(rhea, [*found, other]))
    assert told["summary"] == "3 approved, 1 skipped."
    assert states([other]) == ["open"]


# --- rejecting --------------------------------------------------------------------------------------------------------


def test_any_set_is_rejected_for_a_reason_and_each_agent_learns_it() -> None:
    alice = builders.tenant()
    found, rhea = [*alike(alice, 2), builders.held(alice, subject="Else")], person(alice)
    told = finished(rhea, reject(rhea, items=named(found), note="Not today."))
    assert (told["summary"], set(states(found))) == ("3 rejected.", {"rejected"})
    assert Event.objects.filter(kind="review.rejected").count() == 3
    shown = Api(alice.key_text).get(f"/oversight/reviews/{found[0].pk}").json["review"]
    assert (shown["note"], shown["decidedBy"][:4]) == ("Not today.", "rhea")


def test_all_that_match_are_rejected_when_the_person_says_how_many() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 5), person(alice)
    Review.objects.filter(pk__in=[one.pk for one in found[:2]]).update(lane="money")
    wrong = reject(rhea, filter={"lane": "money"}, count=5)
    assert (wrong.status, wrong.code, wrong.json["matching"]) == (409, "count_differs", 2)
    told = finished(rhea, reject(rhea, filter={"lane": "money"}, count=2))
    assert told["summary"] == "2 rejected."
    assert states(found) == ["rejected", "rejected", "open", "open", "open"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_field"),
        ({"filter": {}}, "invalid_field"),
        ({"items": []}, "invalid_field"),
        ({"items": [{"id": "x", "version": 1}]}, "invalid_field"),
        ({"items": [{"id": str(uuid4())}]}, "missing_field"),
        ({"filter": {"sort": "account__password"}, "count": 1}, "unknown_field"),
        ({"filter": {"openedBefore": "yesterday"}, "count": 1}, "invalid_field"),
        ({"filter": {}, "count": 1, "reason": ""}, "missing_field"),
    ],
    ids=range(8),
)
def test_what_makes_no_sense_is_refused(body: dict[str, object], code: str) -> None:
    alice = builders.tenant()
    builders.held(alice)
    refused = reject(person(alice), **body)
    assert (refused.status, refused.code) == (400, code)
    assert not Batch.objects.exists()


# --- how it is worked off ---------------------------------------------------------------------------------------------


def test_a_batch_that_is_asked_for_or_run_twice_decides_nothing_twice() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 3), person(alice)
    body = {"items": named(found), "reason": "tone"}
    first = rhea.post("/oversight/bulk/reject", body, Idempotency_Key="k")
    again = rhea.post("/oversight/bulk/reject", body, Idempotency_Key="k")
    assert first.json == again.json
    assert Batch.objects.count() == 1
    assert (batches.run_due(busy_for=PATIENCE), batches.run_due()) == (3, 0)
    without_key = finished(rhea, reject(rhea, items=named(found)))
    assert without_key["summary"] == "0 rejected, 3 skipped."
    assert {one["code"] for one in without_key["items"]} == {"already_decided"}  # type: ignore[attr-defined]
    assert Decision.objects.count() == 3


def test_a_worker_that_dies_in_the_middle_leaves_whole_items(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 3), person(alice)
    begun = reject(rhea, items=named(found))
    real, calls = batches._decide, []

    def dying(item: object, **options: object) -> None:
        real(item, **options)  # type: ignore[arg-type]
        calls.append(item)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(batches, "_decide", dying)
    with pytest.raises(KeyboardInterrupt):
        batches.run_due(busy_for=PATIENCE)
    assert Decision.objects.count() == 1
    monkeypatch.setattr(batches, "_decide", real)
    assert finished(rhea, begun)["summary"] == "3 rejected."
    assert Decision.objects.count() == 3


def test_what_expires_during_a_batch_is_skipped() -> None:
    alice = builders.tenant()
    found, rhea = alike(alice, 3), person(alice)
    begun = reject(rhea, items=named(found))
    Review.objects.filter(pk=found[1].pk).update(expires_at=clock.now())
    reviews.expire_due(now=clock.now() + timedelta(seconds=1))
    told = finished(rhea, begun)
    assert told["summary"] == "2 rejected, 1 skipped."
    assert states(found) == ["rejected", "expired", "rejected"]


def test_who_lost_the_right_to_decide_meanwhile_decides_nothing() -> None:
    alice = builders.tenant()
    member = builders.member(alice.account)
    found, rhea = alike(alice, 2), Api(builders.decide_key(member))
    begun = reject(rhea, items=named(found))
    ApiKey.objects.filter(member=member).update(revoked_at=clock.now())
    batches.run_due(busy_for=PATIENCE)
    assert states(found) == ["open", "open"]
    told = person(alice, "ben").get(f"/oversight/batches/{begun.json['batch']['id']}").json["batch"]
    assert {one["code"] for one in told["items"]} == {"revoked_key"}


def test_where_claims_are_required_a_batch_takes_what_is_free() -> None:
    alice = builders.tenant()
    found, rhea, ben = alike(alice, 3), person(alice), person(alice, "ben")
    claims.set_mode(alice.owner_actor, "required", now=clock.now())
    ben.post(f"/oversight/reviews/{found[0].pk}/claim")
    told = finished(rhea, reject(rhea, items=named(found)))
    assert told["summary"] == "2 rejected, 1 skipped."
    assert states(found) == ["open", "rejected", "rejected"]


def test_nobody_decides_their_own_message_in_a_batch_either() -> None:
    alice = builders.tenant()
    found = alike(alice, 2)
    member = builders.member(alice.account)
    Message.objects.filter(pk=found[0].message_id).update(member=member, agent=None)
    rhea = Api(builders.decide_key(member))
    told = finished(rhea, reject(rhea, items=named(found)))
    assert {one["code"] for one in told["items"]} == {"own_message", None}  # type: ignore[attr-defined]


# --- how much one key may have waiting --------------------------------------------------------------------------------


def test_a_key_has_only_so_many_waiting_and_is_told_what_to_do(settings: Settings) -> None:
    settings.PENDING_PER_KEY = 2
    alice = builders.tenant()
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    body = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day."}
    assert [api.post(path, body).status for _ in range(2)] == [201, 201]
    refused = api.post(path, body)
    assert (refused.status, refused.code) == (429, "pending_limit")
    assert "cancel" in refused.json["fix"]
    assert Message.objects.filter(mailbox=alice.mailbox).count() == 2
    other = Api(keys.create_agent_key(alice.agent, now=clock.now())[1])
    assert other.post(path, body).status == 201
    waiting = Review.objects.filter(state="open").order_by("opened_at")[0]
    api.post(f"{path}/{waiting.message_id}/cancel")
    assert api.post(path, body).status == 201
