"""Pages about money in a real browser: no barrier, no sideways scroll, all of it without a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from billing import checkouts
from billing.checkouts import Asked
from mailboxes import checkout_links
from mailboxes.models import User
from tests import builders
from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.server import Server
from tests.browser.tab import Tab, open_tab
from tests.browser.test_looks import SMALL_TARGETS, scrolls_sideways

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TabOf = Callable[..., Tab]
Theme = Literal["light", "dark"]


def checkout_path(backstage: Backstage, cast: Cast) -> str:
    asked = Asked("growth", "annual", "agent:test")
    opened = backstage.do(lambda: checkouts.open_(cast.alice.account, asked, now=backstage.now()))
    return f"/billing/checkout/{checkout_links.token(opened.checkout.pk)}/"


@pytest.mark.parametrize("width", [1280, 375, 320])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_about_money_has_a_barrier(
    backstage: Backstage, cast: Cast, tab_of: TabOf, width: int, theme: Theme
) -> None:
    path = checkout_path(backstage, cast)
    tab = tab_of(cast.alice.owner, viewport={"width": width, "height": 812}, color_scheme=theme)
    for here in ("/billing", path):
        page = tab.open(here)
        assert tab.barriers() == [], here
        assert not scrolls_sideways(page), here
        assert page.evaluate(SMALL_TARGETS) == [], here


def test_an_owner_asks_and_an_operator_approves_without_any_script(
    backstage: Backstage, cast: Cast, browser: Browser, server: Server
) -> None:
    operator = backstage.do(lambda: User.objects.create_superuser("op@people.example", builders.PASSWORD))
    session = backstage.session_of(cast.alice.owner)
    tab = open_tab(browser, server.url, session=session, java_script_enabled=False)
    tab.open("/billing")
    tab.page.get_by_role("button", name="Ask for it, monthly scale").click()
    expect(tab.page.get_by_text("An operator of this server approves it")).to_be_visible()
    path = tab.path()
    desk = open_tab(browser, server.url, java_script_enabled=False)
    desk.open("/admin/")
    desk.page.locator("#id_username").fill(operator.email)
    desk.page.locator("#id_password").fill(builders.PASSWORD)
    desk.page.get_by_role("button", name="Sign in").click()
    expect(desk.page.locator("#user-tools")).to_be_visible()
    desk.open(path)
    desk.page.get_by_role("button", name="Approve").click()
    expect(desk.page.get_by_text("Done: the account has the plan.")).to_be_visible()
    tab.open("/billing")
    expect(tab.page.get_by_text("has the plan scale")).to_be_visible()
    for one in (tab, desk):
        one.context.close()
