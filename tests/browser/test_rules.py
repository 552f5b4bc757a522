"""Rules in the browser: one is made by its form, tried on past mail, put in force, and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from mailboxes.models import Role
from mailboxes.modes import OversightMode
from tests import builders
from tests.browser.backstage import Backstage
from tests.browser.tab import Tab

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [1280, 375])
def test_a_rule_is_proposed_back_tested_put_in_force_and_rolled_back(
    backstage: Backstage, tab_of: Callable[..., Tab], width: int
) -> None:
    alice = backstage.tenant("alice", mode=OversightMode.AUTONOMOUS)
    for number in range(3):
        backstage.submit(alice, subject=f"Invoice {number}", body_text=f"Pay EUR {number},500.00\n")
    tab = tab_of(backstage.member(alice, "ada", Role.ADMIN), viewport={"width": width, "height": 812})
    page = tab.open("/policies/")
    page.get_by_role("link", name="Add the first rule").click()
    page.get_by_role("link", name="Use Money").click()
    page.get_by_label("A sum above").fill("many")
    page.get_by_role("button", name="Propose this").click()
    expect(page.locator("#c0-over-error")).to_contain_text("Here belongs a number")
    page.get_by_label("A sum above").fill("1000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Version 1")
    assert backstage.rule_names(alice) == []

    page.get_by_role("button", name="Test it on past mail").click()
    expect(page.locator("#back-test")).to_contain_text("Under way: 0 of 3 messages looked at.")
    backstage.run_back_tests()
    expect(page.locator("#back-test")).to_contain_text("2 of those that left by themselves would wait for a person")
    expect(page.locator("#back-test").get_by_role("link", name="Invoice 2")).to_be_visible()

    page.get_by_role("link", name="Put in force…").click()
    page.get_by_role("button", name="Put in force").click()
    expect(page.get_by_role("heading", name="In force: version 1")).to_be_visible()
    assert backstage.rule_names(alice) == ["Money"]
    assert backstage.submit(alice, body_text="Pay EUR 9,000.00\n").status == "held"

    page.get_by_role("button", name="Take out Money").click()
    page.get_by_role("link", name="Put in force…").click()
    page.get_by_label("Your password").fill(builders.PASSWORD)
    page.get_by_role("button", name="Put in force").click()
    expect(page.get_by_role("heading", name="In force: version 2")).to_be_visible()
    page.get_by_role("link", name="Version 1", exact=True).click()
    page.get_by_role("link", name="Go back to this version…").click()
    page.get_by_role("button", name="Go back to it").click()
    expect(page.get_by_role("heading", name="In force: version 3")).to_be_visible()
    assert backstage.rule_names(alice) == ["Money"]
    assert tab.violations == tab.errors == []
