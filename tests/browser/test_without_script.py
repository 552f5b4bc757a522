"""Everything that must work, works without a script: by links, forms and full pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from mailboxes import accounts
from tests import builders
from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.tab import Tab

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_one_signs_in_reads_decides_undoes_and_stops_without_script(
    backstage: Backstage, cast: Cast, tab_of: Callable[..., Tab]
) -> None:
    first = backstage.held(cast.alice, subject="First", body_html="<p style='color: red'>Red words</p>")
    second = backstage.held(cast.alice, subject="Second")
    backstage.expires_in(first, seconds=3600)
    page = tab_of(None, java_script_enabled=False).open("/review/")
    page.get_by_label("Email").fill(cast.rhea.user.email)
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="First").click()
    expect(page.frame_locator("iframe").locator("p")).to_have_text("Red words")
    page.get_by_role("link", name="Source").click()
    expect(page.locator("pre")).to_contain_text("MIME-Version: 1.0")
    page.get_by_role("button", name="Approve and send").click()
    expect(page.locator("h1")).to_have_text("Second")
    expect(page.locator(".undo-item")).to_contain_text("First")
    page.locator("summary", has_text="Reject").click()
    page.get_by_role("button", name="Reject this message").click()
    expect(page.get_by_text("Choose a reason.")).to_be_visible()
    page.get_by_label("Wrong facts").check()
    page.get_by_label("Note").fill("Not so")
    page.get_by_role("button", name="Reject this message").click()
    expect(page.get_by_text("Rejected. The agent is told why.")).to_be_visible()
    page.locator(".undo-item").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back. It waits again.")).to_be_visible()
    page.get_by_role("link", name="Stop").click()
    page.get_by_label("Type STOP").fill("STOP")
    page.get_by_role("button", name="Stop sending").click()
    expect(page.locator(".stopbar")).to_be_visible()
    assert (backstage.state_of(first), backstage.state_of(second)) == ("open", "rejected")
    assert backstage.is_stopped(cast.alice)
    backstage.pass_undo_time()
    backstage.drain()
    assert backstage.captured_for("kim@friends.example") == 0


def test_the_verification_link_is_used_without_script(
    backstage: Backstage, cast: Cast, tab_of: Callable[..., Tab]
) -> None:
    dana = backstage.do(lambda: builders.tenant("dana", is_verified=False))
    token = backstage.do(lambda: accounts.verification_token(dana.owner.user))
    page = tab_of(None, java_script_enabled=False).open(f"/verify/{token}/")
    page.get_by_label("Password").fill("a password of my own")
    page.get_by_label("The same again").fill("a password of my own")
    page.get_by_role("button", name="Confirm and set the password").click()
    expect(page.locator("h1")).to_contain_text("Review queue")
