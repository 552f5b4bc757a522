"""Deciding in a browser, as console.md section 5 asks: by mouse, by keyboard, in time and too late."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from django.conf import settings
from playwright.sync_api import Page, Route, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.tab import PATIENCE_MS, Tab

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TabOf = Callable[..., Tab]


def test_thirty_seven_items_stand_in_order_of_expiry_and_are_counted_alike(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    for number in range(37):
        review = backstage.held(cast.alice, subject=f"Mail {number}")
        backstage.expires_in(review, seconds=3600 * (40 - number))
    page = tab_of(cast.rhea).open("/review/")
    assert page.locator(".row h2").all_inner_texts() == [f"Mail {number}" for number in reversed(range(37))]
    expect(page.locator("h1 .num")).to_have_text("37")
    expect(page.locator(".nav .pending-count")).to_have_text("37")
    assert page.title().startswith("(37) ")


def test_an_approved_mail_leaves_once_after_the_undo_time_and_not_before(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    watching = tab_of(cast.ben)
    watching.open("/review/")
    watching.wait_until_live()
    page = tab_of(cast.rhea).open(f"/review/{review.pk}/")
    page.get_by_role("button", name="Approve and send").click()
    expect(page.locator(".undo-item")).to_contain_text(re.compile(r"leaves in \d+ minutes"))
    expect(watching.page.locator(f"#review-{review.pk}.tombstone")).to_contain_text("by Rhea, leaves in")
    backstage.drain()
    assert backstage.captured_for("kim@friends.example") == 0
    backstage.pass_undo_time()
    backstage.drain()
    backstage.drain()
    assert backstage.captured_for("kim@friends.example") == 1
    page.goto(page.url)
    expect(page.locator(".undo-item")).to_have_count(0)


def test_an_undo_in_time_puts_it_back_and_the_history_tells_both(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    page = tab.open_review(review)
    page.get_by_role("button", name="Approve and send").click()
    page.wait_for_url("**/review/")
    backstage.pass_time(seconds=settings.UNDO_SECONDS / 2)
    page.reload()
    page.locator(".undo-item").get_by_role("button", name="Undo").click()
    page.wait_for_url(f"**/review/{review.pk}/")
    expect(page.get_by_role("button", name="Approve and send")).to_be_visible()
    history = page.locator(".timeline").inner_text()
    assert history.index("Approved") < history.index("Approval taken back")
    backstage.pass_undo_time()
    backstage.drain()
    assert backstage.captured_for("kim@friends.example") == 0


def test_an_undo_too_late_says_that_the_mail_server_has_it(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    tab.cut_off()  # or the page may learn that it left, and offer no undo, before it is pressed
    page = tab.open_review(review)
    page.get_by_role("button", name="Approve and send").click()
    page.wait_for_url("**/review/")
    undo = page.locator(".undo-item").get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    backstage.pass_undo_time()
    backstage.drain()
    undo.click()
    expect(page.locator("[data-conflict]")).to_contain_text("already handed to the mail server")
    assert backstage.captured_for("kim@friends.example") == 1


def test_a_rejection_without_a_reason_is_asked_again_with_the_focus_on_the_reasons(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    page = tab.open_review(review)
    page.locator("summary", has_text="Reject").click()
    page.get_by_label("Note").fill("Because")
    page.get_by_role("button", name="Reject this message").click()
    expect(page.locator("#reason-error")).to_have_text("Choose a reason.")
    expect(page.locator("fieldset[aria-describedby='reason-error']")).to_be_visible()
    expect(page.locator("input[name=reason]").first).to_be_focused()
    expect(page.get_by_label("Note")).to_have_value("Because")
    assert backstage.state_of(review) == "open"
    page.get_by_label("Tone").check()
    page.get_by_role("button", name="Reject this message").click()
    page.wait_for_url("**/review/")
    assert backstage.state_of(review) == "rejected"


def test_the_page_turns_to_expired_by_itself_and_nothing_can_be_sent(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    backstage.expires_in(review, seconds=600)
    tab = tab_of(cast.rhea)
    tab.page.clock.install()
    page = tab.open(f"/review/{review.pk}/")
    approve = page.get_by_role("button", name="Approve and send")
    expect(approve).to_be_visible()
    backstage.pass_time(seconds=601)
    page.clock.fast_forward(601_000)
    expect(page.locator(".decision")).to_contain_text("Nobody decided in time. Nothing was sent.")
    expect(approve).to_have_count(0)
    token = page.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value")
    answer = page.request.post(
        f"{page.url}approve/",
        form={"version": "1", "csrfmiddlewaretoken": token or ""},
        headers={"Referer": page.url},
    )
    assert answer.status == 410
    backstage.drain()
    assert backstage.captured_for("kim@friends.example") == 0


def test_the_keyboard_alone_signs_in_decides_three_items_and_undoes(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    for number in range(4):
        backstage.expires_in(backstage.held(cast.alice, subject=f"Mail {number}"), seconds=3600 + number * 60)
    tab = tab_of(None)
    page, keys = tab.open("/login/?next=/review/"), tab.page.keyboard
    expect(page.get_by_label("Email")).to_be_focused()
    keys.type(cast.rhea.user.email)
    keys.press("Tab")
    keys.type("correct horse battery staple")
    keys.press("Enter")
    expect(page.locator("h1")).to_contain_text("Review queue")
    tab.expect_focus("H1#")
    keys.press("j")
    tab.expect_focus("Mail 0")
    keys.press("o")
    for number in (0, 1):
        expect(page.locator("h1")).to_contain_text(f"Mail {number}")
        tab.expect_focus("H1#")
        page.wait_for_selector("iframe[data-loaded]", state="attached")
        keys.press("a")
    expect(page.locator("h1")).to_contain_text("Mail 2")
    tab.expect_focus("H1#")
    keys.press("r")
    expect(page.locator("input[name=reason]").first).to_be_focused()
    keys.press("Space")
    keys.press("Tab")
    keys.type("ara")
    keys.press("Tab")
    tab.expect_focus("Reject this message")
    keys.press("Space")
    expect(page.locator("h1")).to_contain_text("Mail 3")
    tab.expect_focus("H1#")
    keys.press("z")
    expect(page.locator("h1")).to_contain_text("Mail 1")
    page.wait_for_function("document.activeElement !== document.body")


def test_the_last_approval_leads_to_the_list_with_the_focus_on_its_heading(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    tab = tab_of(cast.rhea)
    page = tab.open_review(backstage.held(cast.alice))
    page.keyboard.press("a")
    page.wait_for_url("**/review/")
    expect(page.locator("h1")).to_be_focused()


def test_letters_typed_into_fields_decide_nothing(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    page = tab.open("/review/")
    page.locator("#q").fill("")
    page.locator("#q").press_sequentially("a r x z")
    assert tab.path() == "/review/"
    tab.open_review(review)
    page.locator("summary", has_text="Reject").click()
    page.get_by_label("Note").press_sequentially("arxzajk")
    expect(page.get_by_label("Note")).to_have_value("arxzajk")
    assert backstage.state_of(review) == "open"


def test_letters_do_nothing_when_they_are_switched_off(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    page = tab.open_review(review)
    page.keyboard.press("?")
    page.get_by_label("Navigation only").check()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.reload()
    page.wait_for_selector("iframe[data-loaded]", state="attached")
    page.keyboard.press("a")
    page.keyboard.press("u")
    page.wait_for_url("**/review/")
    assert backstage.state_of(review) == "open"


def hold_down(page: Page, key: str) -> None:
    """As a keyboard repeats it, for a second or longer."""
    for _ in range(20):
        page.keyboard.down(key)
        page.wait_for_timeout(60)


def test_a_key_held_down_decides_once(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    made = [backstage.held(cast.alice, subject=f"Mail {number}") for number in range(3)]
    tab = tab_of(cast.rhea)
    page = tab.open_review(made[0])
    hold_down(page, "a")
    expect(page.locator("h1")).to_have_text("Mail 1")
    page.wait_for_selector("iframe[data-loaded]", state="attached")
    hold_down(page, "a")
    page.keyboard.up("a")
    assert sum(backstage.state_of(review) == "approved" for review in made) == 1


def test_back_forward_and_reload_repeat_no_decision(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    page = tab.open("/review/?q=hello")
    page.locator(".row-link").click()
    page.wait_for_selector("iframe[data-loaded]", state="attached")
    page.get_by_role("button", name="Approve and send").click()
    page.wait_for_url("**/review/")
    page.reload()
    page.go_back()
    page.go_back()
    assert tab.path() == "/review/?q=hello"
    page.go_forward()
    page.go_forward()
    assert backstage.decisions_on(review) == ["approve"]


def test_a_server_error_shows_a_bar_and_the_second_try_decides_once(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    page = tab_of(cast.rhea).open_review(review)
    page.route("**/approve/", lambda route: route.fulfill(status=502, body="bad gateway"), times=1)
    page.get_by_role("button", name="Approve and send").click()
    expect(page.locator("#error-bar")).to_be_visible()
    assert backstage.state_of(review) == "open"
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/review/")
    assert backstage.decisions_on(review) == ["approve"]


def test_a_live_update_leaves_an_error_and_its_second_try_where_they_are(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    other = backstage.held(cast.alice, subject="Another")
    tab = tab_of(cast.rhea)
    page = tab.open_review(review)
    tab.wait_until_live()
    page.route("**/approve/", lambda route: route.fulfill(status=502, body="bad gateway"), times=1)
    page.get_by_role("button", name="Approve and send").click()
    expect(page.locator("#error-bar")).to_be_visible()
    with page.expect_response(lambda answer: answer.url.endswith(f"/review/{review.pk}/?seen=1")):
        backstage.approve(other, cast.rhea)
    expect(page.locator(".undo-item")).to_contain_text("Another")
    expect(page.locator("#error-bar")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/review/")
    assert backstage.decisions_on(review) == ["approve"]


def test_a_page_offers_the_undo_of_its_own_review_once(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    here, other = backstage.held(cast.alice, subject="Here"), backstage.held(cast.alice, subject="Another")
    for review in (here, other):
        backstage.approve(review, cast.rhea)
    page = tab_of(cast.rhea).open_review(here)
    expect(page.locator(".undo-item")).to_have_count(1)
    expect(page.locator(".undo-item")).to_contain_text("Another")
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="Approve and send")).to_be_visible()
    assert backstage.state_of(other) == "approved"


def caught(page: Page, late: list[Route]) -> Route:
    """The answer that came through our hands; the page may know of the decision before it is there."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while not late and time.monotonic() < until:
        page.wait_for_timeout(50)
    return late[0]


@pytest.mark.parametrize("order", ["the error first", "the live update first"])
def test_an_answer_that_is_lost_leaves_the_truth_on_the_page(
    backstage: Backstage, cast: Cast, tab_of: TabOf, order: str
) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    page = tab.open_review(review)
    tab.wait_until_live()

    late: list[Route] = []

    def lose(route: Route) -> None:
        route.fetch(max_redirects=0, timeout=PATIENCE_MS)
        if order == "the error first":
            route.abort()
        else:
            late.append(route)

    page.route("**/approve/", lose, times=1)
    page.get_by_role("button", name="Approve and send").click()
    expect(page.locator(".decision")).to_contain_text("Rhea approved it")
    if order == "the live update first":
        answered = caught(page, late)
        with page.expect_event("requestfailed"):
            answered.abort()
        page.evaluate("new Promise(requestAnimationFrame)")
    expect(page.locator("#error-bar")).to_be_hidden()
    assert backstage.decisions_on(review) == ["approve"]
