"""What an open page learns by itself: arrivals, colleagues, a stop, a lost connection, the end of a session."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from playwright.sync_api import Page, expect

from mailboxes.modes import OversightMode
from oversight.models import Review
from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.tab import Tab

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TabOf = Callable[..., Tab]
LAYOUT_SHIFTS = """() => new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
        .observe({ type: "layout-shift", buffered: true });
    setTimeout(() => resolve(sum), 300);
})"""


def test_new_mail_is_counted_in_a_pill_and_moves_no_row(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    for number in range(5):
        backstage.held(cast.alice, subject=f"Mail {number}")
    tab = tab_of(cast.rhea)
    page = tab.open("/review/")
    tab.wait_until_live()
    page.keyboard.press("j")
    page.keyboard.press("j")
    focused, before = tab.focused(), page.locator(".row").first.bounding_box()
    shifted = page.evaluate(LAYOUT_SHIFTS)
    sooner = backstage.held(cast.alice, subject="Sooner")
    expect(page.locator("#pill-new")).to_have_text("1 new item, show")
    backstage.held(cast.alice, subject="Another")
    expect(page.locator("#pill-new")).to_have_text("2 new items, show")
    expect(page.locator("h1 .num")).to_have_text("7")
    assert page.title().startswith("(7) ")
    assert (tab.focused(), page.locator(".row").first.bounding_box()) == (focused, before)
    assert page.evaluate(LAYOUT_SHIFTS) - shifted < 0.02
    page.keyboard.press(".")
    expect(page.locator(f"#review-{sooner.pk}")).to_be_visible()
    expect(page.locator("#pill-new")).to_be_hidden()


def test_an_empty_queue_shows_the_first_mail_by_itself(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    tab = tab_of(cast.rhea)
    page = tab.open("/review/")
    tab.wait_until_live()
    expect(page.get_by_text("Nothing is waiting")).to_be_visible()
    backstage.held(cast.alice, subject="The first one")
    expect(page.get_by_role("link", name="The first one")).to_be_visible()


def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    for number in range(3):
        review = backstage.held(cast.alice, subject=f"Mail {number}")
        rhea, ben = tab_of(cast.rhea, java_script_enabled=False), tab_of(cast.ben, java_script_enabled=False)
        statuses = at_once(rhea, ben, f"/review/{review.pk}/")
        assert sorted(status == 409 for status in statuses) == [False, True]
        assert len(backstage.decisions_on(review)) == 1
    backstage.pass_undo_time()
    backstage.drain()
    assert backstage.captured_for("kim@friends.example") <= 3


def at_once(rhea: Tab, ben: Tab, path: str) -> list[int]:
    """Both forms are filled from their pages; then both are sent at the same moment. The final statuses."""
    barrier = Barrier(2)
    statuses = [0, 0]

    def send(index: int, request: urllib.request.Request) -> None:
        barrier.wait(timeout=60)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
                statuses[index] = answer.status
        except urllib.error.HTTPError as error:
            statuses[index] = error.code

    requests = []
    for tab, act, fields in ((rhea, "approve", {}), (ben, "reject", {"reason": "tone"})):
        token = tab.open(path).locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value") or ""
        body = urllib.parse.urlencode({"version": "1", "csrfmiddlewaretoken": token, **fields}).encode()
        cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in tab.context.cookies())
        headers = {"Cookie": cookies, "Referer": tab.page.url}
        requests.append(urllib.request.Request(f"{tab.url}{path}{act}/", data=body, headers=headers))  # noqa: S310
    threads = [Thread(target=send, args=(index, request)) for index, request in enumerate(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=150)
    return statuses


def test_a_decision_elsewhere_replaces_the_bar_and_keeps_what_was_typed(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.ben)
    page = tab.open_review(review)
    tab.wait_until_live()
    page.locator("summary", has_text="Reject").click()
    page.get_by_label("Note").fill("The price is 40, not 400.")
    backstage.approve(review, cast.rhea)
    expect(page.locator(".decision")).to_contain_text(re.compile("Rhea approved it"))
    expect(page.locator("[data-kept]")).to_contain_text("The price is 40, not 400.")
    expect(page.locator(".decision").get_by_role("button", name="Undo")).to_be_visible()


def test_a_decision_on_a_page_without_news_meets_the_conflict_in_its_place(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.ben)
    tab.cut_off()
    page = tab.open_review(review)
    page.locator("summary", has_text="Reject").click()
    page.get_by_label("Tone").check()
    page.get_by_label("Note").fill("Too harsh")
    backstage.approve(review, cast.rhea)
    page.get_by_role("button", name="Reject this message").click()
    expect(page.locator("[data-conflict]")).to_contain_text("This was approved already, by Rhea")
    expect(page.locator("[data-conflict]")).to_contain_text("Too harsh")
    expect(page.locator("[data-conflict]")).to_be_focused()
    assert backstage.decisions_on(review) == ["approve"]


def test_a_stop_shows_in_every_tab_and_only_the_owner_with_the_password_resumes(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    for _ in range(3):
        backstage.approve(backstage.held(cast.alice), cast.rhea)
    watching = tab_of(cast.ben)
    watching.open("/monitor/")
    watching.wait_until_live()
    page = tab_of(cast.rhea).open("/stop/")
    expect(page.locator(".numbers")).to_contain_text("3")
    page.get_by_label("Reason").fill("Odd prices")
    page.get_by_label("Type STOP").fill("STOP")
    page.get_by_role("button", name="Stop sending").click()
    expect(watching.page.locator(".stopbar")).to_contain_text("Rhea stopped it")
    page.wait_for_url("**/review/")
    backstage.pass_undo_time()
    backstage.drain()
    assert backstage.captured_for("kim@friends.example") == 0
    page.goto(page.url.replace("/review/", "/stop/resume/"))
    expect(page.get_by_label("Your password")).to_have_count(0)
    owner = tab_of(cast.alice.owner).open("/stop/resume/")
    owner.get_by_label("Your password").fill("wrong")
    owner.get_by_role("button", name="Resume sending").click()
    expect(owner.get_by_text("This is not your password.")).to_be_visible()
    owner.get_by_label("Your password").fill("correct horse battery staple")
    owner.get_by_role("button", name="Resume sending").click()
    expect(watching.page.locator(".stopbar")).to_have_count(0)
    backstage.drain()
    assert backstage.captured_for("kim@friends.example") == 0
    # Their time came while all was stopped: people look at them once more.
    page = tab_of(cast.rhea).open("/review/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("3")


def test_what_happened_while_the_connection_was_lost_is_there_once_it_is_back(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    gone = backstage.held(cast.alice, subject="Decided meanwhile")
    tab = tab_of(cast.rhea)
    page = tab.open("/review/")
    tab.wait_until_live()
    tab.context.set_offline(True)
    page.evaluate("() => document.getElementById('live')._htmx.ws.connection.socket.close()")
    expect(page.locator("#live")).to_have_text(re.compile("Reconnecting|Offline"))
    for number in range(8):
        backstage.held(cast.alice, subject=f"Mail {number}")
    backstage.approve(gone, cast.ben)
    tab.context.set_offline(False)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(page.locator("#pill-new")).to_have_text("8 new items, show")
    expect(page.locator(f"#review-{gone.pk}.tombstone")).to_be_visible()
    expect(page.locator("h1 .num")).to_have_text("8")
    page.locator("#pill-new").click()
    expect(page.locator(".row")).to_have_count(8)


def test_a_page_without_a_socket_asks_every_thirty_seconds(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    tab = tab_of(cast.rhea)
    tab.page.clock.install()
    tab.page.route_web_socket("**/ws/console/**", lambda socket: socket.close())
    page = tab.open("/monitor/")
    expect(page.locator(".nav .pending-count")).to_have_text("")
    backstage.held(cast.alice)
    tab.page.clock.run_for(31_000)
    expect(page.locator(".nav .pending-count")).to_have_text("1")


def session_cookie(tab: Tab) -> tuple[str, str]:
    return next((str(one["name"]), str(one["value"])) for one in tab.context.cookies() if "session" in str(one["name"]))


def half_a_thought(tab: Tab, review: Review) -> None:
    page = tab.open_review(review)
    tab.wait_until_live()
    page.locator("summary", has_text="Reject").click()
    page.get_by_label("Tone").check()
    page.get_by_label("Note").fill("Half a thought")


def signs_in_again(page: Page, cast: Cast, review: Review) -> None:
    page.wait_for_url("**/login/?next=**")
    page.get_by_label("Email").fill(cast.rhea.user.email)
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/review/{review.pk}/")
    expect(page.get_by_label("Note")).to_have_value("Half a thought")


def test_an_act_after_the_session_ended_leads_to_sign_in_and_back_to_the_text(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    half_a_thought(tab, review)
    name, _value = session_cookie(tab)
    tab.context.clear_cookies(name=name)  # the socket keeps the one it came with: only the click can find out
    tab.page.get_by_role("button", name="Reject this message").click()
    signs_in_again(tab.page, cast, review)
    assert backstage.state_of(review) == "open"


def test_a_session_that_ends_while_somebody_types_leads_to_sign_in_and_back_to_the_text(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    half_a_thought(tab, review)
    _name, value = session_cookie(tab)
    backstage.end_session(value)
    signs_in_again(tab.page, cast, review)
    assert backstage.state_of(review) == "open"


def test_signing_out_in_one_tab_ends_the_others(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    tab = tab_of(cast.rhea)
    page = tab.open("/review/")
    tab.wait_until_live()
    other = tab.context.new_page()
    other.goto(f"{tab.url}/monitor/")
    other.locator("details.menu > summary").first.click()
    other.get_by_role("button", name="Sign out").first.click()
    other.wait_for_url("**/login/**")
    page.wait_for_url("**/login/?next=**")


def test_the_monitor_shows_a_send_as_it_leaves_and_holds_still_while_it_is_paused(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    tab = tab_of(cast.rhea)
    page = tab.open("/monitor/")
    tab.wait_until_live()
    backstage.submit(backstage.tenant("charlie", mode=OversightMode.AUTONOMOUS), subject="Of somebody else")
    backstage.approve(backstage.held(cast.alice, subject="As it leaves"), cast.ben)
    expect(page.locator(".feed-row")).to_have_count(1)
    expect(page.locator(".feed-row")).to_contain_text("As it leaves")
    page.locator("[data-pause]").click()
    backstage.approve(backstage.held(cast.alice, subject="While paused"), cast.ben)
    page.wait_for_timeout(1500)
    expect(page.locator(".feed-row")).to_have_count(1)
    page.locator("[data-pause]").click()
    page.locator("h1").click()
    expect(page.locator(".feed-row")).to_have_count(2)


def test_one_mailbox_is_stopped_in_every_tab_and_the_others_go_on(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    watching = tab_of(cast.ben)
    watching.open("/monitor/")
    watching.wait_until_live()
    page = tab_of(cast.rhea).open("/stop/")
    page.get_by_text("One mailbox").click()
    page.get_by_label(cast.alice.mailbox.full_address).check()
    page.get_by_label("Reason").fill("Odd prices")
    page.get_by_role("button", name="Stop sending").click()
    bar = watching.page.locator(".stopbar")
    expect(bar).to_contain_text(f"Sending of {cast.alice.mailbox.full_address} is stopped.")
    assert not backstage.is_stopped(cast.alice)
    owner = tab_of(cast.alice.owner).open("/review/")
    owner.get_by_role("link", name="Resume…").click()
    owner.get_by_label("Your password").fill("correct horse battery staple")
    owner.get_by_role("button", name="Resume sending").click()
    expect(bar).to_have_count(0)
