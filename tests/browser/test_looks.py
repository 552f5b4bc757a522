"""Every page, bright and dark, wide and narrow: no barrier, no sideways scroll, nothing that its policy refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from mailboxes.models import Role, User
from mailboxes.modes import OversightMode
from oversight.models import Review
from tests import builders
from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.tab import Tab
from tests.oversight.people import edit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TabOf = Callable[..., Tab]
Theme = Literal["light", "dark"]
SMALL_TARGETS = """() =>
    [...document.querySelectorAll("a, button, summary, input:not([type=hidden]), select, textarea")]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".visually-hidden, .skip, .choice"))
    .map((e) => [e, e.getBoundingClientRect()])
    .filter(([e, box]) => box.width > 0 && box.height < (e.closest("p, li, dd, td") && e.matches("a") ? 20 : 24))
    .map(([e, box]) => `${e.outerHTML.slice(0, 80)} ${Math.round(box.width)}x${Math.round(box.height)}`)"""


MONEY = builders.rule("money", "hold", {"kind": "amount", "over": 1000}, name="Money", people=2, risk="high")
LONG = [f"a.rather.long.name.of.somebody.{number}@a-domain-with-a-long-name-{number}.example" for number in range(9)]
LISTED = builders.rule(
    "listed",
    "hold",
    {"kind": "recipient_list", "addresses": [*LONG, "kim@friends.example"]},
    {"kind": "words", "words": ["Donaudampfschifffahrtsgesellschaftskapitaenswitwenrente"], "isNot": True},
    name="Everybody-on-a-list-with-a-very-long-name" * 2,
)


def furnish(backstage: Backstage, cast: Cast) -> Review:
    """Something of everything: waiting, leaving, rejected, sent, odd."""
    html = "<p style='color: teal'>Hello</p><a href='https://p\u0430ypal.example/'>paypal.example</a>"
    odd = backstage.held(
        cast.alice,
        subject="Refund\u202e of 4,200 EUR for an order with a rather long subject line indeed",
        body_html=html,
        to=("a.very.long.local.part.of.an.address@a-long-domain-name.example", "lee@friends.example"),
        cc=("mo@friends.example",),
    )
    backstage.expires_in(odd, seconds=3000)  # soon, and later than any test ends
    backstage.do(lambda: edit(odd, cast.ben, bcc=("max@friends.example",)))
    backstage.approve(backstage.held(cast.alice, subject="Leaving"), cast.rhea)
    backstage.held(cast.alice, subject="Order 12")
    backstage.asks_leave(cast.alice)
    backstage.do(lambda: builders.dead_letter(cast.alice))
    backstage.promote(cast.rhea)
    backstage.rules(cast.alice, MONEY, LISTED)
    backstage.rules(cast.alice, MONEY | {"people": 1}, LISTED | {"isShadow": True}, is_live=False)
    backstage.back_test(cast.alice, 2)
    return odd


def pages(review: Review, alice: builders.Tenant) -> list[str]:
    here = f"/review/{review.pk}/"
    return [
        "/review/",
        "/review/?q=nobody",
        "/review/?chosen=page&sort=risk",
        "/review/all/reject/",
        "/undelivered/",
        here,
        f"{here}edit/",
        f"{here}?do=changes",
        *(f"{here}?tab={tab}" for tab in ("mail", "text", "links", "headers", "source")),
        f"{here}link/1/",
        "/monitor/",
        "/mailboxes/",
        f"/mailboxes/{alice.mailbox.pk}/",
        "/agents/",
        f"/agents/{alice.agent.pk}/",
        f"/agents/mailboxes/{alice.mailbox.pk}/",
        f"/threads/{review.message.thread_id}/",
        f"/messages/{review.message_id}/",
        "/stop/",
        "/policies/",
        "/policies/account/",
        "/policies/account/2/",
        "/policies/account/2/add/",
        "/policies/account/1/rules/money/",
        "/policies/account/2/publish/",
        "/keys/",
        "/permits/",
        "/settings/security/",
        "/settings/security/prove/",
        "/onboarding",
        "/nowhere/",
    ]


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_no_page_has_a_barrier(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    review = furnish(backstage, cast)
    tab = tab_of(cast.rhea, viewport={"width": 1280, "height": 812}, reduced_motion="reduce")
    found = {}
    for path in pages(review, cast.alice):
        page = tab.open(path)
        found[path] = tab.barriers()
        assert not scrolls_sideways(page), path
    found["reject and keys"] = opened_barriers(tab, review)
    assert {path: barriers for path, barriers in found.items() if barriers} == {}


def test_a_phone_has_no_barrier_no_sideways_scroll_and_no_thin_finger(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    """Each page once: dark on a phone, then narrower, then with text of double size; under the bar of a stop."""
    review = furnish(backstage, cast)
    backstage.stop(cast.alice, cast.ben)
    wide = {"width": 375, "height": 812}
    tab = tab_of(cast.rhea, viewport=wide, color_scheme="dark", has_touch=True, is_mobile=True, reduced_motion="reduce")
    page = tab.open(f"/review/{review.pk}/")
    for name in ("Approve and send", "Undo"):
        box = page.get_by_role("button", name=name).last.bounding_box()
        assert box
        assert box["height"] >= 44, name
    found = {}
    for path in pages(review, cast.alice):
        page = tab.open(path)
        found[path] = tab.barriers()
        for width in (375, 320):
            page.set_viewport_size({"width": width, "height": 700})
            assert not scrolls_sideways(page), (path, width)
            assert page.evaluate(SMALL_TARGETS) == [], (path, width)
        page.set_viewport_size({"width": 640, "height": 700})
        page.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
        assert not scrolls_sideways(page), (path, "200 %")
        page.set_viewport_size({"width": 375, "height": 812})
    found["reject and keys"] = opened_barriers(tab, review)
    assert {path: barriers for path, barriers in found.items() if barriers} == {}


def opened_barriers(tab: Tab, review: Review) -> list[str]:
    """What stands in the way where the panel of a rejection is open, and in the sheet of keys."""
    tab.open_review(review, "?tab=mail").locator("summary", has_text="Reject").click()
    found = [*tab.barriers()]
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("?")
    return [*found, *tab.barriers()]


def test_the_pages_of_who_manages_an_account_have_no_barrier_at_any_width(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    """Each page once: dark on a phone, then narrower, then bright and wide."""
    owner = backstage.do(lambda: builders.member(cast.alice.account, "olga", Role.ADMIN))
    key = cast.alice.agent_actor.key
    assert key
    backstage.do(lambda: builders.called(cast.alice))
    tab = tab_of(owner, viewport={"width": 375, "height": 812}, has_touch=True, is_mobile=True, reduced_motion="reduce")
    here = f"/agents/keys/{key.pk}/"
    tab.open("/settings/security/prove/").get_by_label("Your password").fill(builders.PASSWORD)
    tab.page.get_by_role("button", name="Go on").click()
    tab.page.wait_for_url("**/settings/security/")
    found = {}
    for path in ("/agents/keys/", here, f"{here}revoke/", "/audit/", "/access/", "/settings/account/"):
        page = tab.open(path)
        for width, theme in ((375, "dark"), (320, "dark"), (1280, "light")):
            page.set_viewport_size({"width": width, "height": 812})
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            assert not scrolls_sideways(page), (path, width)
            assert width > 375 or page.evaluate(SMALL_TARGETS) == [], (path, width)
            found[path, width] = [] if width == 320 else tab.barriers()
    assert {where: barriers for where, barriers in found.items() if barriers} == {}
    assert tab.violations == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_gate_has_no_barrier(backstage: Backstage, tab_of: TabOf, theme: Theme) -> None:
    tab = tab_of(None, color_scheme=theme, viewport={"width": 375, "height": 812}, reduced_motion="reduce")
    for path in ("/", "/login/?next=/monitor/", "/verify/again/", "/verify/x/"):
        tab.open(path)
        assert tab.barriers() == [], path


@pytest.mark.parametrize("width", [375, 320])
@pytest.mark.parametrize("mailboxes_count", [1, 2])
def test_the_search_of_a_list_is_whole_on_a_phone(
    backstage: Backstage, cast: Cast, tab_of: TabOf, width: int, mailboxes_count: int
) -> None:
    backstage.held(cast.alice)
    if mailboxes_count == 2:
        backstage.second_mailbox(cast.alice)
    tab = tab_of(cast.rhea, viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True)
    page = tab.open("/review/")
    for name in ("#q", "form.search > button"):
        box = page.locator(name).bounding_box()
        assert box
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width, name
    # Order, risk, direction, end, age and claim there always are; mailboxes where there are two.
    assert page.locator("select:visible").count() == 0
    page.locator(".more-filters > summary").click()
    assert page.locator(".filter-fields select:visible").count() == 6 + mailboxes_count - 1
    assert not scrolls_sideways(page)


def test_what_has_the_focus_is_never_under_a_bar(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    review = furnish(backstage, cast)
    tab = tab_of(cast.rhea, viewport={"width": 375, "height": 700})
    page = tab.open_review(review, "?tab=mail")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            """() => {
                const a = document.activeElement;
                if (!a || a === document.body || a.tagName === "IFRAME") return "";
                const box = a.getBoundingClientRect();
                const at = document.elementFromPoint(box.left + Math.min(box.width / 2, 40), box.top + box.height / 2);
                const isSeen = !at || a.contains(at) || at.contains(a) || at.closest("label")?.contains(a);
                return isSeen ? "" : `${a.outerHTML.slice(0, 90)} under ${at.outerHTML.slice(0, 60)}`;
            }"""
        )
        assert hidden == ""
        seen.add(tab.focused())
    assert len(seen) > 12


def test_no_page_breaks_its_policy_not_even_the_admin(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    review = furnish(backstage, cast)
    free = backstage.tenant("free", mode=OversightMode.MONITORED)
    backstage.submit(free)
    tab = tab_of(cast.rhea)
    for path in [*pages(review, cast.alice), "/docs"]:
        tab.open(path)
    operator = backstage.do(lambda: User.objects.create_superuser("op@people.example", builders.PASSWORD))
    admin = tab_of(None)
    page = admin.open("/admin/")
    page.get_by_label("Email").fill(operator.email)
    page.get_by_label("Password").fill(builders.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#user-tools")).to_be_visible()
    page.wait_for_load_state()
    links = page.locator("#content th a").evaluate_all("(found) => found.map((a) => a.getAttribute('href'))")
    for path in [*links, f"/admin/mailboxes/account/{cast.alice.account.pk}/change/"]:
        admin.open(path)
    assert len(links) > 3
    assert tab.violations == admin.violations == []
