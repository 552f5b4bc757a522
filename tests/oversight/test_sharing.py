"""How people share the queue: claims, snoozes, what each has opened, filters and pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from mailboxes import clock, keys
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from oversight import claims, pending
from oversight.models import Decision, Review, Viewing
from tests import builders
from tests.api_client import Answer, Api
from tests.builders import Tenant
from tests.conftest import Clock
from tests.oversight.console import HTMX, decide, seat, text_of

pytestmark = pytest.mark.django_db


def person(owner: Tenant, name: str = "rhea") -> Api:
    return Api(builders.decide_key(builders.member(owner.account, name)))


def claim(api: Api, review: Review) -> Answer:
    return api.post(f"/oversight/reviews/{review.pk}/claim")


def require_claims(owner: Tenant) -> None:
    claims.set_mode(owner.owner_actor, "required", now=clock.now())


def ids(api: Api, **query: object) -> list[str]:
    return [one["id"] for one in api.get("/oversight/pending", **query).json["reviews"]]


# --- claims -----------------------------------------------------------------------------------------------------------


def test_a_claim_is_told_to_the_others_and_blocks_nobody() -> None:
    alice = builders.tenant()
    review, rhea, ben = builders.held(alice), person(alice), person(alice, "ben")
    assert claim(rhea, review).json["review"]["claim"]["by"].startswith("rhea")
    taken = claim(ben, review)
    assert (taken.status, taken.code) == (409, "claimed")
    assert taken.json["error"].startswith("rhea")
    assert ben.get(f"/oversight/reviews/{review.pk}").json["review"]["claim"]["by"].startswith("rhea")
    assert ben.post(f"/oversight/reviews/{review.pk}/approve", {"version": 1}).status == 200


def test_a_claim_lapses_by_itself_and_holds_as_long_as_it_is_renewed(clock: Clock) -> None:
    clock.set(clock.now())
    alice = builders.tenant()
    review, rhea, ben = builders.held(alice), person(alice), person(alice, "ben")
    claim(rhea, review)
    clock.advance(seconds=100)
    assert claim(rhea, review).status == 200
    clock.advance(seconds=100)
    assert claim(ben, review).status == 409
    clock.advance(seconds=21)
    assert rhea.get(f"/oversight/reviews/{review.pk}").json["review"]["claim"] is None
    assert claim(ben, review).status == 200


def test_a_claim_is_given_back_by_hand_and_by_deciding() -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), person(alice)
    claim(rhea, review)
    assert rhea.delete(f"/oversight/reviews/{review.pk}/claim").json["review"]["claim"] is None
    claim(rhea, review)
    rhea.post(f"/oversight/reviews/{review.pk}/approve")
    undone = rhea.post(f"/oversight/reviews/{review.pk}/undo").json["review"]
    assert (undone["state"], undone["claim"]) == ("open", None)


def test_nobody_gives_back_what_somebody_else_holds() -> None:
    alice = builders.tenant()
    review, rhea, ben = builders.held(alice), person(alice), person(alice, "ben")
    claim(rhea, review)
    assert ben.delete(f"/oversight/reviews/{review.pk}/claim").json["review"]["claim"]["by"].startswith("rhea")


def test_where_claims_are_required_only_the_holder_decides() -> None:
    alice = builders.tenant()
    review, rhea, ben = builders.held(alice), person(alice), person(alice, "ben")
    require_claims(alice)
    path = f"/oversight/reviews/{review.pk}/approve"
    assert (rhea.post(path).status, rhea.post(path).code) == (409, "not_claimed")
    claim(rhea, review)
    assert ben.post(path).code == "claimed"
    assert rhea.post(path).status == 200
    assert Decision.objects.count() == 1


def test_a_claim_that_lapsed_decides_nothing_where_it_is_required(clock: Clock) -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), person(alice)
    require_claims(alice)
    claim(rhea, review)
    clock.advance(seconds=121)
    assert rhea.post(f"/oversight/reviews/{review.pk}/approve").code == "not_claimed"


def test_where_claims_are_off_nobody_claims(settings: Settings) -> None:
    settings.CLAIMS = "off"
    alice = builders.tenant()
    review, rhea = builders.held(alice), person(alice)
    assert claim(rhea, review).code == "claims_off"
    assert rhea.post(f"/oversight/reviews/{review.pk}/approve").status == 200


def test_only_who_manages_the_account_says_how_people_claim() -> None:
    alice = builders.tenant()
    owner, rhea, agent = Api(builders.decide_key(alice.owner)), person(alice), Api(alice.key_text)
    for api in (rhea, agent):
        assert api.patch("/oversight/queue", {"claims": "off"}).code == "not_manager"
    assert owner.patch("/oversight/queue", {"claims": "required"}).json["claims"] == "required"
    assert owner.patch("/oversight/queue", {"claims": None}).json == {"claims": "optional", "claimSeconds": 120}
    assert owner.patch("/oversight/queue", {"claims": "always"}).status == 400


def test_claims_stand_in_no_log_and_agents_are_not_told_of_them() -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), person(alice)
    before = Event.objects.count()
    claim(rhea, review)
    rhea.delete(f"/oversight/reviews/{review.pk}/claim")
    claim(rhea, review)
    assert Event.objects.count() == before
    shown = Api(alice.key_text).get(f"/oversight/reviews/{review.pk}").json["review"]
    assert not {"claim", "snoozedUntil", "groupId"} & set(shown)


def test_a_key_that_sends_neither_claims_nor_snoozes() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    bob = Api(keys.create_agent_key(builders.agent(alice.account, "bob"), now=clock.now())[1])
    until = (clock.now() + timedelta(hours=1)).isoformat()
    assert claim(bob, review).code == "may_not_decide"
    assert bob.post(f"/oversight/reviews/{review.pk}/snooze", {"until": until}).code == "may_not_decide"
    assert bob.delete(f"/oversight/reviews/{review.pk}/claim").code == "may_not_decide"


# --- snoozes ----------------------------------------------------------------------------------------------------------


def test_a_snoozed_review_is_out_of_sight_and_comes_back_by_itself(clock: Clock) -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), person(alice)
    until = clock.now() + timedelta(hours=1)
    told = rhea.post(f"/oversight/reviews/{review.pk}/snooze", {"until": until.isoformat()}).json["review"]
    assert told["snoozedUntil"] is not None
    assert ids(rhea) == []
    assert ids(rhea, snoozed="true") == [str(review.pk)]
    clock.advance(seconds=3601)
    assert ids(rhea) == [str(review.pk)]
    assert ids(rhea, snoozed="true") == []


def test_a_snoozed_review_can_be_decided_and_woken() -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), person(alice)
    until = (clock.now() + timedelta(hours=1)).isoformat()
    rhea.post(f"/oversight/reviews/{review.pk}/snooze", {"until": until})
    assert rhea.delete(f"/oversight/reviews/{review.pk}/snooze").json["review"]["snoozedUntil"] is None
    assert ids(rhea) == [str(review.pk)]
    kinds = list(Event.objects.filter(subject=str(review.pk)).order_by("seq").values_list("kind", flat=True))
    assert kinds == ["review.opened", "review.snoozed", "review.woken"]


@pytest.mark.parametrize(
    ("days", "code"), [(-1, "snooze_past"), (7, "snooze_beyond_expiry"), (800, "snooze_beyond_expiry")]
)
def test_nothing_is_put_off_beyond_its_expiry_or_into_the_past(days: int, code: str) -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), person(alice)
    until = (clock.now() + timedelta(days=days)).isoformat()
    assert rhea.post(f"/oversight/reviews/{review.pk}/snooze", {"until": until}).code == code


# --- what was opened --------------------------------------------------------------------------------------------------


def test_who_opens_a_review_is_noted_with_the_version_and_the_first_time(clock: Clock) -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), builders.member(alice.account)
    seat(rhea).get(f"/review/{review.pk}/")
    first = Viewing.objects.get()
    clock.advance(seconds=10)
    Api(builders.decide_key(rhea)).get(f"/oversight/reviews/{review.pk}")
    again = Viewing.objects.get()
    assert (again.opened_at, again.version, again.member) == (first.opened_at, 1, rhea)
    assert again.seen_at - first.seen_at >= timedelta(seconds=10)


def test_an_agent_that_reads_a_review_is_not_noted() -> None:
    alice = builders.tenant()
    Api(alice.key_text).get(f"/oversight/reviews/{builders.held(alice).pk}")
    assert not Viewing.objects.exists()


# --- filters and pages ------------------------------------------------------------------------------------------------


def test_each_filter_finds_what_it_names_and_nothing_else() -> None:
    alice = builders.tenant()
    one, two = builders.held(alice, tags=("vip",)), builders.held(alice)
    earlier = clock.now() - timedelta(hours=1)
    Review.objects.filter(pk=two.pk).update(lane="money", risk="high", reason_code="amount", opened_at=earlier)
    rhea, ben = person(alice), person(alice, "ben")
    claim(rhea, two)
    half_ago = (clock.now() - timedelta(minutes=30)).isoformat()
    for query in (
        {"lane": "money"},
        {"risk": "high"},
        {"rule": "amount"},
        {"openedBefore": half_ago},
        {"claimed": "me"},
        {"claimed": "anybody"},
        {"risk": "high", "lane": "money", "direction": "OUTBOUND"},
        {"groupId": two.fingerprint, "lane": "money"},
    ):
        assert ids(rhea, **query) == [str(two.pk)], query
    for query in ({"tag": "vip"}, {"risk": "low"}, {"openedAfter": half_ago}, {"claimed": "nobody"}):
        assert ids(rhea, **query) == [str(one.pk)], query
    assert ids(ben, claimed="me") == []
    assert ids(rhea, direction="INBOUND") == []
    assert len(ids(rhea, agentId=str(alice.agent.pk), mailboxId=str(alice.mailbox.pk))) == 2


def test_the_gravest_risk_comes_first_and_pages_follow_each_other() -> None:
    alice = builders.tenant()
    made = [builders.held(alice, subject=f"Mail {number}") for number in range(9)]
    now = clock.now()
    for number, review in enumerate(made):
        risk = ("low", "high", "medium")[number % 3]
        Review.objects.filter(pk=review.pk).update(risk=risk, expires_at=now + timedelta(days=9 - number))
    rhea = person(alice)
    seen: list[str] = []
    after = ""
    for _ in range(10):
        answer = rhea.get("/oversight/pending", sort="risk", limit=2, after=after).json
        seen += [one["id"] for one in answer["reviews"]]
        if answer["nextCursor"] is None:
            break
        after = answer["nextCursor"]
    assert seen == [str(made[place].pk) for place in (7, 4, 1, 8, 5, 2, 6, 3, 0)]


def test_a_filter_without_index_is_looked_for_a_stretch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "LOOKED_THROUGH", 4)
    alice = builders.tenant()
    made = [builders.held(alice, tags=("vip",) if number in (5, 9) else ()) for number in range(10)]
    rhea, seen, after, pages = person(alice), [], "", 0
    while True:
        answer = rhea.get("/oversight/pending", tag="vip", limit=50, after=after).json
        seen += [one["id"] for one in answer["reviews"]]
        pages += 1
        if answer["nextCursor"] is None:
            break
        after = answer["nextCursor"]
    assert (set(seen), len(seen), pages) == ({str(made[5].pk), str(made[9].pk)}, 2, 3)


def test_a_page_costs_as_many_queries_for_ten_as_for_one() -> None:
    alice = builders.tenant()
    rhea, counts = person(alice), []
    for many in (1, 10):
        for _ in range(many):
            builders.held(alice)
        with CaptureQueriesContext(connection) as queries:
            assert rhea.get("/oversight/pending", risk="low", tag="").status == 200
        counts.append(len(queries))
    assert counts[1] <= counts[0] <= 10


# --- the console ------------------------------------------------------------------------------------------------------


def test_the_console_says_who_looks_at_a_review_in_the_list_and_on_its_page() -> None:
    alice = builders.tenant()
    review, rhea = builders.held(alice), builders.member(alice.account)
    browser = seat(rhea)
    assert "Claim it" in text_of(browser.get(f"/review/{review.pk}/"))
    told = text_of(browser.post(f"/review/{review.pk}/claim/", headers=HTMX))
    assert "Give it back" in told
    owner = seat(alice.owner)
    name = rhea.user.name or rhea.user.email
    assert f"{name} is looking at it" in text_of(owner.get("/review/"))
    page = text_of(owner.get(f"/review/{review.pk}/"))
    assert name in page
    assert "is looking at it" in page
    assert browser.post(f"/review/{review.pk}/let-go/").status_code == 302
    assert "is looking at it" not in text_of(owner.get("/review/"))


def test_the_console_hides_what_is_snoozed_and_filters_by_risk_and_claim() -> None:
    alice = builders.tenant()
    one, two = builders.held(alice, subject="Mail 1"), builders.held(alice, subject="Mail 2")
    Review.objects.filter(pk=one.pk).update(snoozed_until=clock.now() + timedelta(hours=1))
    Review.objects.filter(pk=two.pk).update(risk="high")
    browser = seat(alice.owner)
    assert "Mail 1" not in text_of(browser.get("/review/"))
    assert "Mail 2" not in text_of(browser.get("/review/?snoozed=true"))
    assert "Mail 2" in text_of(browser.get("/review/?risk=high"))
    assert "Mail 2" not in text_of(browser.get("/review/?risk=low"))
    assert "Mail 2" not in text_of(browser.get("/review/?claimed=me"))
    assert "Mail 2" in text_of(browser.get("/review/?claimed=nobody"))


def test_a_decision_at_the_console_without_the_required_claim_is_told_so() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    require_claims(alice)
    browser = seat(builders.member(alice.account))
    refused = decide(browser, review, "approve")
    assert refused.status_code == 409
    assert "claimed before it is decided" in text_of(refused)
    browser.post(f"/review/{review.pk}/claim/")
    assert decide(browser, review, "approve").status_code == 302


def test_received_mail_may_wait_without_a_key() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_SEND)
    assert Review.objects.filter(key__isnull=True).count() == 0
    assert builders.held(alice).key_id is not None
