"""A second step from its first picture to its end, in a real browser, without a script, wide and narrow."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mailboxes import second_factor
from mailboxes.models import Account, User
from oversight.models import Review
from tests import builders
from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.tab import Tab
from tests.browser.test_looks import SMALL_TARGETS, scrolls_sideways
from tests.codes import code_of, enrol

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TabOf = Callable[..., Tab]
SIZES = [(1280, "light"), (375, "dark")]


class Look:
    """Each page on the way has no barrier, no sideways scroll and no thin target. Kept as a picture where asked."""

    def __init__(self, tab: Tab, name: str) -> None:
        self.tab, self.name, self.number = tab, name, 0

    def __call__(self, what: str) -> None:
        self.number += 1
        if folder := os.environ.get("PICTURES"):
            path = Path(folder) / f"{self.name}-{self.number}-{what}.png"
            self.tab.page.screenshot(path=path, full_page=True)
        assert self.tab.barriers() == [], what
        assert not scrolls_sideways(self.tab.page), what
        if self.tab.page.viewport_size and self.tab.page.viewport_size["width"] < 800:
            assert self.tab.page.evaluate(SMALL_TARGETS) == [], what


def code_for(backstage: Backstage, secret: str) -> str:
    """What an app shows whose clock is a step ahead: it is taken for a minute at least, while it is typed."""
    return code_of(secret, backstage.do(backstage.now), steps=1)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


@pytest.mark.parametrize(("width", "theme"), SIZES)
def test_from_the_first_picture_to_switching_it_off(
    backstage: Backstage, cast: Cast, tab_of: TabOf, width: int, theme: str, tmp_path: Path
) -> None:
    rhea, size = cast.rhea, {"width": width, "height": 812}
    tab = tab_of(rhea, viewport=size, color_scheme=theme, reduced_motion="reduce", accept_downloads=True)
    look, page = Look(tab, f"on-{width}"), tab.open("/settings/security/")
    look("off")
    page.get_by_role("link", name="Set it up").click()
    expect(page.locator("h1")).to_have_text("Show who you are")
    look("prove")
    page.get_by_label("Your password").fill("not mine")
    press(page, "Go on")
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    page.get_by_label("Your password").fill(builders.PASSWORD)
    press(page, "Go on")
    picture = page.get_by_role("img", name="QR code")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box
    assert box["width"] >= 180
    look("set-up")
    secret = page.locator(".key-text").inner_text()
    page.get_by_role("textbox", name="Code").fill("000 000")
    press(page, "Switch it on")
    expect(page.get_by_text("This code is not right.")).to_be_visible()
    look("wrong")
    assert page.locator(".key-text").inner_text() == secret
    page.get_by_role("textbox", name="Code").fill(code_for(backstage, secret))
    press(page, "Switch it on")
    expect(page.get_by_text("Keep these codes now")).to_be_visible()
    look("codes")
    codes = re.findall(r"\d{4} \d{4}", page.locator(".recovery-codes").inner_text())
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    saved = tmp_path / "codes.txt"
    download.value.save_as(saved)
    assert download.value.suggested_filename == "gatepost-recovery-codes.txt"
    assert re.findall(r"\d{4} \d{4}", saved.read_text()) == codes
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes left.")).to_be_visible()
    look("on")
    page.get_by_role("link", name="Switch it off").click()
    look("switch-off")
    page.get_by_label("Your password").fill(builders.PASSWORD)
    page.get_by_role("textbox", name="Code").fill(codes[0])
    press(page, "Switch it off")
    expect(page.locator("#main").get_by_text("Your second step is off.")).to_be_visible()
    assert not backstage.do(lambda: second_factor.is_enrolled(User.objects.get(pk=rhea.user_id)))


@pytest.mark.parametrize(("width", "theme"), SIZES)
def test_one_signs_in_with_a_pasted_code_and_is_locked_out_after_five_wrong_ones(
    backstage: Backstage, cast: Cast, tab_of: TabOf, width: int, theme: str
) -> None:
    secret, _ = backstage.do(lambda: enrol(cast.rhea.user, now=backstage.now()))
    backstage.pass_time(seconds=60)
    tab = tab_of(None, viewport={"width": width, "height": 812}, color_scheme=theme, reduced_motion="reduce")
    look, page = Look(tab, f"sign-in-{width}"), tab.open("/monitor/")
    page.get_by_label("Email").fill(cast.rhea.user.email)
    page.get_by_label("Password").fill(builders.PASSWORD)
    press(page, "Sign in")
    expect(page.locator("h1")).to_have_text("Your code")
    expect(page.get_by_role("textbox", name="Code")).to_be_focused()
    look("code")
    paste(page, code_for(backstage, secret))
    press(page, "Sign in")
    expect(page).to_have_url(re.compile("^[^?]*/monitor/$"))
    other = tab_of(None, viewport={"width": width, "height": 812}, color_scheme=theme, reduced_motion="reduce")
    page = other.open("/login/")
    page.get_by_label("Email").fill(cast.rhea.user.email)
    page.get_by_label("Password").fill(builders.PASSWORD)
    press(page, "Sign in")
    for _ in range(5):
        page.get_by_role("textbox", name="Code").fill("000000")
        with page.expect_navigation():
            press(page, "Sign in")
    expect(page.get_by_text("Too many wrong codes. Try again after")).to_be_visible()
    Look(other, f"sign-in-{width}-locked")("locked")


def paste(page: Page, text: str) -> None:
    """As from a password manager or the clipboard."""
    page.evaluate(
        """(text) => {
            const field = document.querySelector("input[name=code]");
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
            if (field.dispatchEvent(event)) field.value = text;
        }""",
        text,
    )


@pytest.mark.parametrize("has_script", [True, False])
def test_who_must_have_one_is_led_to_it_and_back_to_the_review(
    backstage: Backstage, cast: Cast, tab_of: TabOf, has_script: bool
) -> None:
    review = backstage.held(cast.alice, subject="Refund")
    required = Account.objects.filter(pk=cast.alice.account.pk)
    backstage.do(lambda: required.update(requires_second_step=True))
    page = tab_of(cast.rhea, java_script_enabled=has_script).open(f"/review/{review.pk}/")
    page.get_by_role("link", name="Switch on your second step to decide").click()
    page.get_by_label("Your password").fill(builders.PASSWORD)
    press(page, "Go on")
    secret = page.locator(".key-text").inner_text()
    page.get_by_role("textbox", name="Code").fill(code_for(backstage, secret))
    press(page, "Switch it on")
    page.get_by_role("link", name="I have kept them").click()
    press(page, "Approve and send")
    expect(page.locator(".undo-item")).to_contain_text("Refund")
    assert backstage.state_of(review) == "approved"


def test_the_owner_asks_it_of_the_members_after_a_fresh_code(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    owner = cast.alice.owner
    secret, _ = backstage.do(lambda: enrol(owner.user, now=backstage.now()))
    backstage.pass_time(seconds=60)
    tab = tab_of(owner, viewport={"width": 375, "height": 812})
    look, page = Look(tab, "owner"), tab.open("/settings/security/")
    look("optional")
    press(page, "Ask it of every member")
    expect(page.locator("h1")).to_have_text("Show who you are")
    look("prove-code")
    page.get_by_role("textbox", name="Code").fill(code_for(backstage, secret))
    press(page, "Go on")
    press(page, "Ask it of every member")
    expect(page.locator("#main").get_by_text("Members decide only with a second step.")).to_be_visible()
    look("required")


def test_high_risk_asks_for_a_code_and_brings_the_reviewer_back(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice, subject="Refund")
    backstage.do(lambda: Review.objects.filter(pk=review.pk).update(risk="high"))
    secret, _ = backstage.do(lambda: enrol(cast.rhea.user, now=backstage.now()))
    backstage.pass_time(seconds=60)
    tab = tab_of(cast.rhea, viewport={"width": 375, "height": 812})
    look, page = Look(tab, "high-risk"), tab.open_review(review)
    press(page, "Approve and send")
    expect(page.locator("h1")).to_have_text("Show who you are")
    page.get_by_role("textbox", name="Code").fill(code_for(backstage, secret))
    press(page, "Go on")
    expect(page.get_by_text("Now decide again.")).to_be_visible()
    look("back")
    tab.open_review(review)
    press(page, "Approve and send")
    expect(page.locator(".undo-item")).to_contain_text("Refund")
    assert backstage.state_of(review) == "approved"
