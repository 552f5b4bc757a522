"""The queue's pages for many at once: filters, ticked rows, groups, what became of a batch."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import zeal
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from mailboxes import clock
from mailboxes.models import Role
from messaging.models import Message
from oversight import batches, claims, decisions, lanes, pending
from oversight.models import Batch, Review
from tests import builders
from tests.builders import Tenant
from tests.oversight.console import seat, text_of
from tests.oversight.people import fresh
from tests.oversight.test_bulk import alike, states

pytestmark = pytest.mark.django_db

PATIENCE = 600


@pytest.fixture(autouse=True)
def _many_in_one_test(settings: Settings) -> object:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():  # each submission and decision reads its own rows
        yield


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def mixed(alice: Tenant, count: int = 4) -> list[Review]:
    """Mails that say different things."""
    words = ("apples", "pears", "plums", "figs", "dates", "limes")
    return [builders.held(alice, subject=f"Mail {n}", body_text=f"On {words[n]}.\n") for n in range(count)]


def change(review: Review, **columns: Any) -> None:
    Review.objects.filter(pk=review.pk).update(**columns)


def subjects(page: str) -> list[str]:
    return sorted(re.findall(r"Mail \d+(?=</a>)", page))


def items(found: list[Review], version: int = 1) -> list[str]:
    return [f"{review.pk}:{version}" for review in found]


def finished(client: Client, answer: Any) -> str:
    assert answer.status_code == 302, text_of(answer)
    batches.run_due(busy_for=PATIENCE)
    return text_of(client.get(answer.headers["Location"]))


def heading(page: str) -> str:
    [found] = re.findall(r'id="batch-report"[^>]*>([^<]*)<', page)
    return str(found)


# --- filters ----------------------------------------------------------------------------------------------------------


def test_each_filter_of_the_address_leaves_what_it_names(alice: Tenant) -> None:
    now = clock.now()
    one, two, three, _ = mixed(alice)
    change(one, lane="money", risk="high", opened_at=now - timedelta(days=2))
    change(two, reason_code="amount", claimed_by=alice.owner, claimed_until=now + timedelta(hours=1))
    change(three, snoozed_until=now + timedelta(hours=2))
    Message.objects.filter(pk=two.message_id).update(tags=["urgent"])
    client = seat(alice.owner)
    for query, expected in (
        ({"lane": "money"}, ["Mail 0"]),
        ({"risk": "high"}, ["Mail 0"]),
        ({"age": "day"}, ["Mail 0"]),
        ({"rule": "amount"}, ["Mail 1"]),
        ({"tag": "urgent"}, ["Mail 1"]),
        ({"claimed": "me"}, ["Mail 1"]),
        ({"claimed": "nobody", "risk": "low"}, ["Mail 3"]),
        ({"snoozed": "true"}, ["Mail 2"]),
        ({"direction": "INBOUND"}, []),
        ({"direction": "OUTBOUND", "lane": "money"}, ["Mail 0"]),
        ({"risk": "grave"}, []),
        ({"claimed": "everybody"}, []),
        ({"group": "x"}, []),
        ({"snoozed": "perhaps"}, []),
        ({"sort": "risk"}, ["Mail 0", "Mail 1", "Mail 3"]),
    ):
        assert subjects(text_of(client.get("/review/", query))) == expected, query


def test_lanes_are_tabs_with_their_counts(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    found = mixed(alice)
    for review in found[:2]:
        change(review, lane="money")
    change(found[2], lane="legal_team", snoozed_until=clock.now() + timedelta(hours=1))
    page = text_of(seat(alice.owner).get("/review/"))
    assert re.findall(r'href="/review/\?lane=(\w+)"[^>]*>([^<]+)<span class="count ">(\d+)<', page) == [
        ("money", "Money", "2")
    ]
    monkeypatch.setattr(lanes, "MOST_COUNTED", 1)
    assert lanes.waiting(alice.owner_actor, now=clock.now()).count == 2  # one more than anybody is told


def test_by_risk_the_gravest_stands_first_and_pages_keep_filters_and_sort(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oversight.console.keyset.PAGE_SIZE", 2)
    found = mixed(alice, 6)
    for review, risk in zip(found, ("low", "high", "medium", "low", "high", "high"), strict=True):
        change(review, risk=risk, lane="money")
    client, url = seat(alice.owner), "/review/?lane=money&sort=risk"
    pages = []
    for _ in range(3):
        page = text_of(client.get(url))
        pages.append(re.findall(r"Mail (\d)(?=</a>)", page))
        following = re.search(r'href="([^"]*)" rel="next"', page)
        url = following.group(1).replace("&amp;", "&") if following else ""
        assert not url or ("lane=money" in url and "sort=risk" in url)
    assert (pages, url) == ([["1", "4"], ["5", "2"], ["0", "3"]], "")


def test_a_row_tells_risk_why_who_holds_it_and_how_many_are_like_it(alice: Tenant) -> None:
    found = alike(alice, 3)
    change(found[0], risk="medium", claimed_by=alice.owner, claimed_until=clock.now() + timedelta(hours=1))
    page = text_of(seat(alice.owner).get("/review/"))
    assert page.count("3 similar, review as group") == 3
    assert f'href="/review/groups/{found[0].fingerprint}/"' in page
    assert "Medium risk" in page
    assert "Alice is looking at it" in page
    for_vera = text_of(seat(builders.member(alice.account, "vera", Role.VIEWER)).get("/review/"))
    assert "similar" not in for_vera
    assert 'name="item"' not in for_vera


def test_without_script_a_whole_page_is_ticked_by_its_address(alice: Tenant) -> None:
    mixed(alice, 2)
    client = seat(alice.owner)
    assert "checked>" not in text_of(client.get("/review/"))
    assert text_of(client.get("/review/?chosen=page")).count("checked>") == 2


# --- ticked rows ------------------------------------------------------------------------------------------------------


def test_ticked_rows_are_rejected_after_a_reason_and_each_result_is_told(alice: Tenant) -> None:
    found, client = mixed(alice), seat(alice.owner)
    asked = text_of(client.post("/review/many/", {"act": "reject", "item": items(found[:3]), "list": "lane=money"}))
    assert "Reject these 3 mails?" in asked
    assert 'href="/review/?lane=money"' in asked
    refused = client.post("/review/many/reject/", {"item": items(found[:3])})
    assert (refused.status_code, "Choose a reason." in text_of(refused)) == (422, True)
    assert set(states(found)) == {"open"}
    bob = builders.reviewer(builders.member(alice.account, "bob"))
    decisions.reject(found[1], reviewer=bob, version=1, reason="tone", now=clock.now())
    begun = client.post("/review/many/reject/", {"item": items(found[:3]), "reason": "tone", "note": "Not today."})
    assert "0 rejected, 3 to do." in text_of(client.get(begun.headers["Location"]))
    page = finished(client, begun)
    assert heading(page) == "2 rejected, 1 skipped: decided meanwhile."
    assert (states(found), "Not today." in page) == (["rejected", "rejected", "rejected", "open"], True)
    only = text_of(client.get(f"{begun.headers['Location']}?show=skipped"))
    assert subjects(only) == ["Mail 1"]
    assert "hx-get" not in only.partition('id="batch"')[2].partition(">")[0]  # over: nothing is asked again


def test_ticked_rows_are_claimed_or_put_off_together(alice: Tenant, django_assert_max_num_queries: Any) -> None:
    found, rhea = mixed(alice), builders.member(alice.account)
    client, now = seat(rhea), clock.now()
    change(found[0], claimed_by=alice.owner, claimed_until=now + timedelta(hours=1))
    change(found[1], expires_at=now + timedelta(minutes=30))
    with django_assert_max_num_queries(12):
        told = client.post("/review/many/", {"act": "claim", "item": items(found)})
    assert told.headers["Location"] == "/review/"
    assert "3 claimed. 1 left as they were" in text_of(client.get("/review/"))
    assert [fresh(review).claimed_by_id == rhea.pk for review in found] == [False, True, True, True]
    client.post("/review/many/", {"act": "snooze", "for": "hours", "item": items(found)})
    assert [fresh(review).snoozed_until is not None for review in found] == [True, False, True, True]
    claims.set_mode(alice.owner_actor, "off", now=now)
    client.post("/review/many/", {"act": "claim", "item": items(found)})
    assert "Nobody claims reviews here." in text_of(client.get("/review/"))


@pytest.mark.parametrize("item", ["", "x:1", "{pk}", "{pk}:", "{pk}:-1", "{pk}:99999999999", "{pk}:\u0661"])
def test_what_is_malformed_names_nothing(alice: Tenant, item: str) -> None:
    [review], client = mixed(alice, 1), seat(alice.owner)
    answer = client.post("/review/many/", {"act": "reject", "item": item.format(pk=review.pk)})
    assert answer.status_code == 302
    assert "Nothing was ticked." in text_of(client.get("/review/"))
    client.post("/review/many/reject/", {"reason": "tone", "item": item.format(pk=review.pk)})
    assert not Batch.objects.exists()


def test_rows_of_another_account_are_not_there(alice: Tenant, settings: Settings) -> None:
    [review], charlie = mixed(alice, 1), seat(builders.tenant("charlie").owner)
    for url in ("/review/many/", "/review/many/reject/"):
        assert charlie.post(url, {"act": "reject", "reason": "tone", "item": items([review])}).status_code == 404
    for act in ("claim", "snooze"):
        charlie.post("/review/many/", {"act": act, "item": items([review])})
        assert "0 " in text_of(charlie.get("/review/"))
    found = fresh(review)
    assert (found.claimed_by_id, found.snoozed_until, Batch.objects.count()) == (None, None, 0)
    settings.BULK_REJECT_MOST = 1
    both, client = items([*mixed(alice, 1), review]), seat(alice.owner)
    assert client.post("/review/many/reject/", {"reason": "tone", "item": both}).headers["Location"] == "/review/"
    assert "One act decides 1 to 1." in text_of(client.get("/review/"))


def test_all_that_match_are_rejected_when_their_number_is_typed(alice: Tenant, settings: Settings) -> None:
    found, client = mixed(alice), seat(alice.owner)
    for review in found[:3]:
        change(review, lane="money")
    assert "Reject all 3 that match" in text_of(client.get("/review/?lane=money"))
    url = "/review/all/reject/?lane=money"
    asked = text_of(client.get(url))
    assert "Reject all 3 mails that match?" in asked
    assert '<dt>Lane</dt><dd dir="auto">Money</dd>' in asked
    assert client.post(url, {"reason": "tone"}).status_code == 422
    wrong = client.post(url, {"reason": "tone", "count": "4"})
    assert (wrong.status_code, "You said 4; 3 match now." in text_of(wrong)) == (409, True)
    assert set(states(found)) == {"open"}
    assert heading(finished(client, client.post(url, {"reason": "tone", "count": "3"}))) == "3 rejected."
    assert states(found) == ["rejected"] * 3 + ["open"]
    assert "Nothing matches" in text_of(client.get(url))
    # What can't be read matches nothing, instead of everything.
    assert "Nothing matches" in text_of(client.get("/review/all/reject/?risk=grave"))
    mixed(alice, 2)
    settings.BULK_REJECT_MOST = 1
    assert "Too many match" in text_of(client.get("/review/all/reject/"))


def test_a_viewer_reads_and_decides_nothing(alice: Tenant) -> None:
    found, rhea = alike(alice, 3), seat(builders.member(alice.account))
    vera = seat(builders.member(alice.account, "vera", Role.VIEWER))
    group = f"/review/groups/{found[0].fingerprint}/"
    for url in ("/review/many/", "/review/many/reject/", "/review/all/reject/", group):
        assert vera.post(url, {"item": items(found), "reason": "tone", "act": "approve"}).status_code == 403, url
    assert vera.get(group).status_code == 403
    assert vera.get("/review/all/reject/").status_code == 403
    begun = rhea.post("/review/many/reject/", {"item": items(found[:1]), "reason": "tone"})
    assert vera.get(begun.headers["Location"]).status_code == 200
    assert Batch.objects.count() == 1


# --- groups -----------------------------------------------------------------------------------------------------------


def test_a_group_shows_its_template_once_and_only_what_differs(alice: Tenant) -> None:
    found = alike(alice, 4)
    page = text_of(seat(alice.owner).get(f"/review/groups/{found[0].fingerprint}/"))
    assert '<dd dir="auto">Order <span class="blank">Number 1</span></dd>' in page
    assert 'Order <span class="blank">Number 1</span> is ready.' in page
    # Subject and text always say the same number: one column.
    assert page.count('scope="col">Number') == 1
    assert sorted(re.findall(r'data-label="Number 1" dir="auto">(\d)<', page)) == ["0", "1", "2", "3"]
    assert "Open 3 more before you approve." in page
    assert re.search(r'value="approve"[^>]* disabled>', page)


def test_a_group_is_approved_once_its_samples_were_opened_and_reports_what_was_skipped(alice: Tenant) -> None:
    found, client = alike(alice, 14), seat(alice.owner)
    url = f"/review/groups/{found[0].fingerprint}/"
    early = client.post(url, {"act": "approve", "item": items(found)})
    assert (early.status_code, "Nothing was decided." in text_of(early)) == (409, True)
    for path in re.findall(r'href="(/review/[^"]*)">Open: a sample', text_of(client.get(url))):
        client.get(path)
    page = text_of(client.get(url))
    assert "You have read 4 of 14: enough to approve them all." in page
    assert not re.search(r'value="approve"[^>]* disabled>', page)
    begun = client.post(url, {"act": "approve", "item": items(found)})
    Message.objects.filter(pk=found[2].message_id).update(body_text="Pay to another account.\n")
    assert heading(finished(client, begun)) == "13 approved, 1 skipped: changed meanwhile."
    assert states(found).count("approved") == 13


def test_rows_are_left_out_by_the_address_and_the_need_is_counted_again(alice: Tenant) -> None:
    found, client = alike(alice, 5), seat(alice.owner)
    url = f"/review/groups/{found[0].fingerprint}/"
    shown = [str(review.pk) for review in found]
    answer = client.post(url, {"act": "count", "item": items(found[:2]), "shown": shown})
    assert answer.headers["Location"].count("out=") == 3
    page = text_of(client.get(answer.headers["Location"]))
    assert (page.count("checked>"), "Open 2 more before you approve." in page) == (2, True)
    asked = text_of(client.post(url, {"act": "reject", "item": items(found[:2]), "shown": shown}))
    assert "Reject these 2 mails?" in asked


def test_high_risk_and_what_needs_several_people_leaves_the_group(alice: Tenant) -> None:
    found, client = alike(alice, 5), seat(alice.owner)
    change(found[0], risk="high")
    change(found[1], people_needed=2)
    url = f"/review/groups/{found[2].fingerprint}/"
    page = text_of(client.get(url))
    assert "It is of high risk." in page
    assert "It needs 2 people, who each read it." in page
    assert page.count('name="item"') == 3
    for review in found:
        client.get(f"/review/{review.pk}/")
    begun = client.post(url, {"act": "approve", "item": items(found)})
    assert heading(finished(client, begun)) == "3 approved, 2 skipped: to be read by itself."
    assert states(found)[:2] == ["open", "open"]


def test_more_people_asked_for_after_the_batch_was_asked_for_are_waited_for(alice: Tenant) -> None:
    found, client = alike(alice, 3), seat(alice.owner)
    for review in found:
        client.get(f"/review/{review.pk}/")
    begun = client.post(f"/review/groups/{found[0].fingerprint}/", {"act": "approve", "item": items(found)})
    change(found[1], people_needed=2)
    assert heading(finished(client, begun)) == "2 approved, 1 skipped: to be read by itself."
    assert not fresh(found[1]).decisions.exists()


def test_what_differs_stands_on_top_and_says_why(alice: Tenant) -> None:
    found = alike(alice, 5)
    odd = builders.held(alice, to=("kim@else.example",), subject="Order 900000", body_text="Order 900000 is ready.\n")
    assert odd.fingerprint == found[0].fingerprint
    page = text_of(seat(alice.owner).get(f"/review/groups/{odd.fingerprint}/"))
    first = page.partition("<tbody>")[2].partition("</tr>")[0]
    assert "900000" in first
    assert "Differs: " in first
    assert "Open: it differs" in first


# --- costs ------------------------------------------------------------------------------------------------------------


def test_pages_of_many_are_cheap(alice: Tenant, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    found, client = alike(alice, 12), seat(alice.owner)
    builders.dead_letter(alice)
    begun = client.post("/review/many/reject/", {"item": items(found[:3]), "reason": "tone"})
    batches.run_due(busy_for=PATIENCE)
    for url in (
        "/review/?sort=risk&tag=x&age=day&q=order",
        f"/review/groups/{found[5].fingerprint}/",
        "/review/all/reject/?lane=money",
        begun.headers["Location"],
        "/undelivered/",
    ):
        with django_assert_max_num_queries(12):
            assert client.get(url).status_code == 200, url


def test_a_search_by_risk_looks_so_far_and_says_so(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "LOOKED_THROUGH", 2)
    found = mixed(alice, 5)
    change(found[4], risk="high")
    client, url, seen = seat(alice.owner), "/review/?q=mail&sort=risk", list[str]()
    while url:
        page = text_of(client.get(url))
        seen += re.findall(r"Mail (\d)(?=</a>)", page)
        following = re.search(r'href="([^"]*)" rel="next"', page)
        url = following.group(1).replace("&amp;", "&") if following else ""
    assert seen == ["4", "0", "1", "2", "3"]
