"""What happened to a message, in a browser: read, unfolded by keys, without a script, and as it goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Literal

import pytest
from playwright.sync_api import expect

from mailboxes import clock
from messaging.models import Message, RecipientState
from messaging.outbound import outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from oversight.models import Review
from tests import builders
from tests.browser.backstage import Backstage
from tests.browser.conftest import Cast
from tests.browser.tab import Tab
from tests.browser.test_looks import scrolls_sideways
from tests.outcomes import claim, report

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TabOf = Callable[..., Tab]
RECIPIENTS = 36
PATH = "https://postmaster.friends.example/why/" + "greylisted/" * 8
ANSWERS = (
    Outcome(OutcomeKind.SENT, "250", "2.0.0 Ok: queued as 4XKJ2Q1ZzVz9rPq"),
    Outcome(OutcomeKind.DEFERRED, "451", f"4.7.1 Come again in five minutes, see {PATH}"),
    Outcome(OutcomeKind.FAILED, "550", "5.1.1 No such person here"),
    Outcome(OutcomeKind.UNKNOWN, "answer_lost", "The connection was lost."),
)


def answer(message: Message) -> None:
    """The mail server answers each copy in one of four ways; one that it took comes back."""
    builders.release(after=timedelta())
    attempts = claim(message)
    for place, attempt in enumerate(attempts):
        outcomes.record(attempt, ANSWERS[place % len(ANSWERS)], now=clock.now())
    report(attempts[0], RecipientState.BOUNCED)


def answer_and_tell(message: Message, alice: builders.Tenant) -> None:
    """The same, and a webhook is to be told of what happened last."""
    hook, _ = builders.webhook(alice)
    answer(message)
    builders.webhook_delivery(hook)


def long_life(backstage: Backstage, cast: Cast) -> Review:
    """Approved, tried for many recipients with long answers, bounced for one, and noted for a webhook."""
    to = tuple(f"kim{number}@friends.example" for number in range(RECIPIENTS))
    review = backstage.held(cast.alice, subject="Order 1188", to=to)
    backstage.approve(review, cast.rhea)
    backstage.pass_undo_time()
    backstage.do(lambda: answer_and_tell(review.message, cast.alice))
    return review


@pytest.mark.parametrize(("width", "theme"), [(1280, "dark"), (375, "light")])
def test_a_long_way_has_no_barrier_folded_and_unfolded(
    backstage: Backstage, cast: Cast, tab_of: TabOf, width: int, theme: Literal["light", "dark"]
) -> None:
    review = long_life(backstage, cast)
    tab = tab_of(cast.rhea, viewport={"width": width, "height": 812}, color_scheme=theme, reduced_motion="reduce")
    for path in (f"/review/{review.pk}/", f"/messages/{review.message_id}/"):
        page = tab.open(path)
        expect(page.locator(f"#timeline-{review.message_id}")).to_contain_text("https://hooks.example is to be told of")
        assert tab.barriers() == [], path
        page.locator(".timeline-folded > summary").click()
        assert tab.barriers() == [], path
        assert not scrolls_sideways(page), path
        box = page.locator(".timeline-folded > summary").bounding_box()
        assert box
        assert box["height"] >= 24


def test_the_folded_steps_open_by_keys_alone_and_without_a_script(
    backstage: Backstage, cast: Cast, tab_of: TabOf
) -> None:
    review = long_life(backstage, cast)
    for scripted in (True, False):
        tab = tab_of(cast.rhea, java_script_enabled=scripted)
        page = tab.open(f"/messages/{review.message_id}/")
        hidden = page.locator(".timeline-folded li").first
        expect(hidden).not_to_be_visible()
        page.locator(".timeline-folded > summary").focus()
        page.keyboard.press("Enter")
        expect(hidden).to_be_visible()
        expect(page.locator(".timeline .is-latest")).to_have_count(1)


def test_an_open_page_goes_on_telling(backstage: Backstage, cast: Cast, tab_of: TabOf) -> None:
    review = backstage.held(cast.alice)
    tab = tab_of(cast.rhea)
    page = tab.open_review(review)
    tab.wait_until_live()
    told = page.locator(f"#timeline-{review.message_id}")
    backstage.approve(review, cast.ben)
    expect(told).to_contain_text("Approved")
    backstage.pass_undo_time()
    backstage.do(lambda: answer(review.message))
    expect(told).to_contain_text("Taken by the mail server for kim@friends.example: 250 2.0.0 Ok")
    expect(told).to_contain_text("Bounced for kim@friends.example")
    assert tab.path() == f"/review/{review.pk}/"
