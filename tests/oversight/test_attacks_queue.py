"""Attacks on the people at the queue: A13 (fatigue), A14 (words of the agent), A20 (lists), A56 (pages)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import zeal
from django.test import Client
from pytest_django import Settings

from mailboxes import clock
from oversight import batches
from oversight.models import Decision, Review
from tests import builders
from tests.api_client import Api
from tests.builders import Tenant
from tests.oversight.console import decide, seat, text_of

pytestmark = pytest.mark.django_db

FEW, MANY = 60, 2_000
HOMOGLYPHS = ["kim@fri\u0435nds.example", "kim@frlends.example", "kim@friencls.example", "kim@fr1ends.example"]


@pytest.fixture(autouse=True)
def _unlimited(settings: Settings) -> object:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():
        yield


def hold(owner: Tenant, number: int, *, to: str = "", text: str = "") -> Review:
    return builders.held(
        owner,
        to=(to or f"kim{number}@friends.example",),
        subject=f"Order {number}",
        body_text=text or f"Order {number} is ready, see https://shop.example/orders\n",
    )


# --- A13 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [FEW, pytest.param(MANY, marks=pytest.mark.chaos)])
def test_a13_one_that_differs_among_many_alike_is_not_approved_with_them(many: int, settings: Settings) -> None:
    settings.PENDING_PER_KEY = 0
    alice = builders.tenant()
    rhea = Api(builders.decide_key(builders.member(alice.account)))
    alike = [hold(alice, number) for number in range(many)]
    bad = hold(alice, many, text=f"Order {many} is ready, see https://sh0p.example/orders\n")
    disguised = [hold(alice, many + 1 + place, to=address) for place, address in enumerate(HOMOGLYPHS[1:3])]
    others = [hold(alice, many + 9, to=HOMOGLYPHS[3])]
    group = rhea.get(f"/oversight/groups/{alike[0].fingerprint}").json["group"]
    left_out = {one["id"] for one in group["members"] if one["leftOut"]}
    assert bad.fingerprint != alike[0].fingerprint
    assert {one.fingerprint for one in others}.isdisjoint({alike[0].fingerprint})
    assert left_out == {str(one.pk) for one in disguised}
    chosen = [*alike[:150], bad, *disguised, *others]
    items = [{"id": str(one.pk), "version": 1} for one in chosen]
    for one in [*alike[:10], bad, *disguised, *others]:
        rhea.get(f"/oversight/reviews/{one.pk}")
    begun = rhea.post(f"/oversight/groups/{alike[0].fingerprint}/approve", {"items": items})
    assert begun.status == 202, begun.json
    batches.run_due(busy_for=600)
    assert Decision.objects.count() == len(alike[:150])
    assert not Decision.objects.filter(review__in=[bad, *disguised, *others]).exists()


def test_a13_a_key_can_not_flood_the_queue(settings: Settings) -> None:
    settings.PENDING_PER_KEY = 20
    alice = builders.tenant()
    api, path = Api(alice.key_text), f"/mailboxes/{alice.mailbox.pk}/messages"
    answers = [
        api.post(path, {"to": ["kim@friends.example"], "subject": f"Mail {number}", "bodyText": "Hello."})
        for number in range(25)
    ]
    assert [answer.status for answer in answers] == [201] * 20 + [429] * 5
    assert answers[-1].code == "pending_limit"


# --- A14 --------------------------------------------------------------------------------------------------------------

CLAIMS = [
    "<b>Pre-approved by CFO</b> [APPROVED]",
    "\x1b[2J\x1b[32mAPPROVED\x1b[0m",
    "\u202edevorppa\u202c by the CFO",
    "yes " * 125,
]


@pytest.mark.parametrize("claim", CLAIMS, ids=range(4))
def test_a14_what_an_agent_says_for_itself_is_escaped_clipped_and_told_as_its_claim(claim: str) -> None:
    alice = builders.tenant()
    review = builders.held(alice, metadata={"reason": claim})
    page = text_of(seat(alice.owner).get(f"/review/{review.pk}/"))
    assert "<b>Pre-approved" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "yes " * 80 not in page
    told = page.index("own words, not checked")
    assert told > page.index("is gated_send")
    shown = Api(builders.decide_key(alice.owner)).get(f"/oversight/reviews/{review.pk}").json["review"]
    assert shown["message"]["metadata"] == {"reason": claim}
    assert shown["reason"]["code"] == "gated_send"


# --- A20 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "1000000000"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "1e3"},
        {"sort": "account__password"},
        {"sort": "-expires_at"},
        {"after": "0000000000000000.00000000-0000-0000-0000-00000000000g"},
        {"after": "h0000000000000000.00000000-0000-0000-0000-000000000000"},
        {"after": "0000000000000000.00000000-0000-0000-0000-000000000000", "sort": "risk"},
        {"after": "' OR 1=1 --"},
        {"after": "9" * 5000},
        {"risk": "%"},
        {"claimed": "everybody"},
        {"direction": "outbound"},
        {"snoozed": "1"},
        {"openedBefore": "yesterday"},
        {"openedAfter": "9999-99-99T00:00:00Z"},
        {"agentId": "%25"},
        {"groupId": "../" * 10},
        {"rule": "x\x00y"},
        {"tag": "x" * 51},
        {"lane": "x" * 41},
    ],
    ids=range(22),
)
def test_a20_a_list_asked_for_nonsense_says_so(query: dict[str, str]) -> None:
    alice = builders.tenant()
    builders.held(alice)
    refused = Api(builders.decide_key(alice.owner)).get("/oversight/pending", **query)
    assert refused.status == 400, refused.json
    assert refused.json["field"] in query


@pytest.mark.parametrize("wildcard", ["%", "_", "%%%%%%%%%%%%", ".*", "\\", "gated%", "gated_sen_"])
def test_a20_wildcards_are_letters(wildcard: str) -> None:
    alice = builders.tenant()
    builders.held(alice, tags=("vip",))
    api = Api(builders.decide_key(alice.owner))
    for name in ("tag", "lane", "rule"):
        assert api.get("/oversight/pending", **{name: wildcard}).json["reviews"] == []
    assert "Hello" not in text_of(seat(alice.owner).get("/review/", {"q": wildcard, "rule": wildcard}))


def test_a20_a_cursor_of_somebody_else_shows_nothing_of_theirs() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    for _ in range(3):
        builders.held(charlie)
    review = builders.held(alice)
    cursor = Api(builders.decide_key(charlie.owner)).get("/oversight/pending", limit=1).json["nextCursor"]
    shown = Api(builders.decide_key(alice.owner)).get("/oversight/pending", after=cursor).json["reviews"]
    assert {one["id"] for one in shown} <= {str(review.pk)}


# --- A56 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["approve", "reject", "claim", "let-go", "undo"])
def test_a56_looking_never_acts(act: str) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    browser = seat(alice.owner)
    for method in ("get", "head", "options"):
        assert getattr(browser, method)(f"/review/{review.pk}/{act}/").status_code == 405
    review.refresh_from_db()
    assert (review.state, review.version, review.claimed_by) == ("open", 1, None)


@pytest.mark.parametrize("act", ["approve", "reject", "claim", "let-go"])
def test_a56_a_form_of_another_site_decides_nothing(act: str) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice.owner.user, backend="django.contrib.auth.backends.ModelBackend")
    answer = browser.post(f"/review/{review.pk}/{act}/", {"version": 1, "reason": "tone"})
    assert answer.status_code == 403
    review.refresh_from_db()
    assert (review.state, review.claimed_by) == ("open", None)


def test_a56_a_double_click_decides_once_and_an_old_tab_nothing() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    rhea = seat(builders.member(alice.account))
    assert decide(rhea, review, "approve").status_code == 302
    assert decide(rhea, review, "approve").status_code == 302
    assert Decision.objects.count() == 1
    rhea.post(f"/review/{review.pk}/undo/", {"version": 2})
    stale = decide(rhea, review, "approve", version=1)
    assert stale.status_code == 409
    assert Decision.objects.count() == 2


@pytest.mark.parametrize("path", ["bulk/reject", "groups/{group}/approve", "reviews/{id}/claim", "reviews/{id}/snooze"])
def test_a56_no_get_of_the_api_acts(path: str) -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    api = Api(builders.decide_key(alice.owner))
    assert api.get("/oversight/" + path.format(id=review.pk, group=review.fingerprint)).status == 405
    review.refresh_from_db()
    assert (review.state, review.claimed_by, review.snoozed_until) == ("open", None, None)


def test_a56_a_review_put_off_from_an_old_tab_after_its_decision_stays_decided() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    api = Api(builders.decide_key(alice.owner))
    api.post(f"/oversight/reviews/{review.pk}/reject", {"reason": "tone"})
    until = (clock.now() + timedelta(hours=1)).isoformat()
    late = api.post(f"/oversight/reviews/{review.pk}/snooze", {"until": until})
    assert (late.status, late.code) == (409, "already_decided")
    assert api.post(f"/oversight/reviews/{review.pk}/claim").code == "already_decided"
