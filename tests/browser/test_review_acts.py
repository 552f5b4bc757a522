"""More than yes and no, in a browser: a person edits, or asks the agent to change, and what differs is read first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from oversight.models import Review
from tests.api_client import Api
from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.tab import Tab
from tests.oversight.sends import MAIL

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TabOf = Callable[..., Tab]


def test_a_person_edits_by_keyboard_reads_what_differs_approves_and_the_agent_reads_it_too(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice, subject="Offer", body_text="The price is 5 EUR.\n")
    tab = tab_of(cast.rhea)
    page = tab.open_review(review)
    page.keyboard.press("e")
    page.wait_for_url("**/edit/")
    tab.expect_focus("Edit: Offer")
    page.get_by_label("Text", exact=True).fill("The price is 50 EUR.\n")
    page.get_by_label("To", exact=True).fill("nobody")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("To", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Text", exact=True)).to_have_value("The price is 50 EUR.\n")
    page.get_by_label("To", exact=True).fill("kim@friends.example")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/?tab=diff")
    expect(page.locator(".diff")).to_contain_text("1 change: text.")
    assert page.locator(".diff del").evaluate("(e) => getComputedStyle(e, '::before').content").startswith('"\u2212"')
    assert page.locator(".diff ins").evaluate("(e) => getComputedStyle(e).textDecorationLine") == "underline"
    page.keyboard.press("a")
    page.wait_for_url("**/review/")
    assert backstage.decisions_on(review) == ["edit", "approve"]

    def read() -> Any:
        return Api(cast.alice.key_text).get(f"/oversight/reviews/{review.pk}").json["review"]["edits"]

    [told] = backstage.do(read)
    assert (told["field"], told["old"], told["new"], told["by"]) == (
        "bodyText",
        "The price is 5 EUR.\n",
        "The price is 50 EUR.\n",
        "Rhea",
    )


def test_on_a_phone_a_person_asks_to_change_and_reads_what_came_again_first(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = backstage.held(cast.alice, subject="Offer")
    tab = tab_of(cast.rhea, viewport={"width": 375, "height": 700}, has_touch=True, is_mobile=True)
    page = tab.open_review(review)
    watching = tab_of(cast.ben).open(f"/review/{review.pk}/")
    expect(page.get_by_role("link", name="Edit")).to_be_hidden()
    page.locator("summary", has_text="More").click()
    expect(page.get_by_role("link", name="Edit")).to_be_visible()
    page.get_by_role("link", name="Ask the agent to change it").click()
    page.locator(".choice", has_text="A fact is wrong").click()
    page.get_by_role("button", name="Give it back to the agent").click()
    expect(page.locator("#instructions-error")).to_have_text("Say what is to be changed.")
    page.get_by_label("What should the agent change?").fill("Name the price.")
    page.get_by_role("button", name="Give it back to the agent").click()
    page.wait_for_url("**/review/")
    expect(watching.locator(".decision")).to_contain_text("Rhea gave it back to be changed")

    def again() -> Review:
        path = f"/mailboxes/{cast.alice.mailbox.pk}/messages/{review.message_id}/resubmit"
        Api(cast.alice.key_text).post(path, MAIL | {"subject": "Offer: 5 EUR"})
        return Review.objects.get(message=review.message_id, state="open")

    newest = backstage.do(again)
    page = tab.open(f"/review/{newest.pk}/")
    expect(page.locator(".diff")).to_contain_text("sent it again: version 2.")
    expect(page.locator(".diff")).to_contain_text("Name the price.")
    expect(page.locator(".diff ins").first).to_contain_text("5 EUR")
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Snooze").click()
    page.get_by_role("button", name="1 hour").click()
    page.wait_for_url("**/review/")
