"""The queue in a browser: rows ticked and rejected with a report, a group approved after its samples."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from oversight import batches
from oversight.models import Review
from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.tab import Tab
from tests.browser.test_looks import SMALL_TARGETS, scrolls_sideways

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TabOf = Callable[..., Tab]


def alike(backstage: Backstage, cast: Cast, count: int) -> list[Review]:
    return [
        backstage.held(
            cast.alice,
            to=(f"kim{number}@friends.example",),
            subject=f"Order {number}",
            body_text=f"Order {number} is ready.\n",
        )
        for number in range(count)
    ]


def test_ticked_rows_are_rejected_and_the_report_comes_by_itself(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    found = alike(backstage, cast, 3)
    tab = tab_of(cast.rhea, viewport={"width": 375, "height": 700})
    page = tab.open("/review/")
    reject = page.get_by_role("button", name="Reject…")
    expect(reject).to_be_hidden()
    page.get_by_label("Tick Order 0", exact=True).check()
    page.get_by_label("Tick Order 2", exact=True).check()
    expect(page.locator(".bulk-count")).to_have_text("2 ticked")
    # The bar stands above the tabs, over nothing that has the focus.
    bar, tabs = page.locator(".bulk").bounding_box(), page.locator(".tabbar").bounding_box()
    assert bar
    assert tabs
    assert bar["y"] + bar["height"] <= tabs["y"]
    assert tab.barriers() == []
    reject.click()
    page.get_by_label("Tone").check()
    page.get_by_label("Note").fill("Not today.")
    page.get_by_role("button", name="Reject 2").click()
    report = page.locator("#batch-report")
    expect(report).to_have_text("0 rejected, 2 to do.")
    expect(page.locator("progress")).to_have_attribute("value", "0")
    assert tab.barriers() == []
    backstage.do(batches.run_due)
    expect(report).to_have_text("2 rejected.")
    expect(page.locator("progress")).to_have_count(0)
    assert not scrolls_sideways(page)
    assert [backstage.state_of(review) for review in found] == ["rejected", "open", "rejected"]


def test_a_group_is_approved_after_its_samples_were_opened(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    found = alike(backstage, cast, 5)
    tab = tab_of(cast.rhea)
    page = tab.open("/review/")
    page.get_by_role("link", name="5 similar, review as group").first.click()
    approve, effect = page.locator("button[value='approve']"), page.locator("#group-effect")
    expect(effect).to_contain_text("Open 3 more before you approve.")
    expect(approve).to_be_disabled()
    page.get_by_label("The mail to kim4@friends.example takes part").uncheck()
    expect(approve).to_have_text("Approve 4")
    for _ in range(3):
        page.locator("tr:has(input:checked) a:has-text('Open')", has_not_text="Opened").first.click()
        expect(page.locator("h1")).to_contain_text("Order")
        page.go_back()
        expect(page.locator(".group-table")).to_be_visible()
    expect(effect).to_contain_text("enough to approve them all")
    assert tab.barriers() == []
    page.set_viewport_size({"width": 320, "height": 700})
    assert not scrolls_sideways(page)
    assert page.evaluate(SMALL_TARGETS) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    approve.click()
    expect(page.locator("#batch-report")).to_have_text("0 approved, 4 to do.")
    backstage.do(batches.run_due)
    expect(page.locator("#batch-report")).to_have_text("4 approved.")
    assert [backstage.state_of(review) for review in found] == ["approved"] * 4 + ["open"]
