"""What happened to a message, as its pages show it."""

from __future__ import annotations

import re
from functools import partial

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mailboxes import clock
from mailboxes.models import EventCounter, LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Attempt, RecipientState
from messaging.outbound import outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from oversight import decisions
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.messaging.test_intake import WITH_FILES
from tests.outcomes import came_to, claim, report
from tests.oversight.console import seat, text_of, url_of

pytestmark = pytest.mark.django_db


def timeline_of(client: Client, path: str) -> str:
    """The timeline of a page, without its tags."""
    found = re.search(r'<details id="timeline-.*?</ol>\s*</details>', text_of(client.get(path)), re.DOTALL)
    assert found
    return " ".join(re.sub("<[^>]*>", " ", found[0]).split())


def test_a_review_and_its_message_tell_the_same_way() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    by = builders.reviewer(alice.owner)
    decisions.approve(review, reviewer=by, version=1, note="Fine.", now=clock.now())
    client = seat(alice.owner)
    told = timeline_of(client, url_of(review))
    assert told == timeline_of(client, f"/messages/{review.message_id}/")
    places = [told.index(words) for words in ("Asked to send", "Held for a person", "Approved (“Fine.”)")]
    assert places == sorted(places)


def test_each_step_has_a_shape_a_relative_and_an_absolute_time(clock: Clock) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice)
    came_to(message, [RecipientState.BOUNCED])
    clock.advance(seconds=7200)
    page = text_of(seat(alice.owner).get(f"/messages/{message.pk}/"))
    bounced = next(item for item in re.findall(r"<li.*?</li>", page, re.DOTALL) if "Bounced for" in item)
    assert "#triangle-alert" in bounced
    assert "is-danger" in bounced
    assert "2 hours ago" in bounced
    assert re.search(r">\d+ \w+ \d{4}, \d\d:\d\d<", bounced)


def test_a_server_s_answer_is_shown_as_text_with_its_hidden_characters_marked() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice)
    (attempt,) = claim(message)
    answer = Outcome(OutcomeKind.FAILED, "550", "<script>alert(1)</script> \u202e gone")
    outcomes.record(attempt, answer, now=clock.now())
    page = text_of(seat(alice.owner).get(f"/messages/{message.pk}/"))
    assert "Refused by the mail server for kim@friends.example: 550 &lt;script&gt;" in page
    assert "<script>alert" not in page
    assert '<span class="mark">RLO</span> gone' in page


def test_the_middle_of_a_long_way_is_folded_and_nothing_of_it_is_lost(clock: Clock) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    builders.limit(alice.account, LimitKind.MAILBOX_SENDS_PER_MINUTE, 0)
    message = builders.submit(alice, to=tuple(f"kim{number}@friends.example" for number in range(40)))
    for attempt in claim(message):
        outcomes.record(attempt, Outcome(OutcomeKind.SENT, "250", "Taken."), now=clock.now())
    page = text_of(seat(alice.owner).get(f"/messages/{message.pk}/"))
    assert "18 more steps" in page
    assert page.count("Taken by the mail server for") == 40


@pytest.mark.parametrize("raw", [None, WITH_FILES])
def test_the_page_of_a_received_message_is_as_cheap_as_others(
    raw: bytes | None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    alice = builders.tenant()
    message = arrive(alice.mailbox, raw)
    client = seat(alice.owner)
    client.get(f"/messages/{message.pk}/")
    with django_assert_max_num_queries(12):
        told = timeline_of(client, f"/messages/{message.pk}/")
    places = [
        told.index(words) for words in ("Arrived kim@", "Sender checked: SPF none", "Filed", "Shown to the agent")
    ]
    assert places == sorted(places)


def refreshed(alice: Tenant, *, since: int) -> list[str]:
    """What an open page that knows the log up to `since` is told to fetch anew."""
    asked = {"account": str(alice.account.pk), "cursor": str(since)}
    found: list[str] = seat(alice.owner).get("/live/since/", asked).json()["refresh"]
    return found


def head(alice: Tenant) -> int:
    return EventCounter.objects.get(account=alice.account).last_seq


@pytest.mark.parametrize("came", [RecipientState.DELIVERED, RecipientState.BOUNCED, RecipientState.COMPLAINED])
def test_an_open_page_fetches_its_timeline_anew_when_a_report_comes(came: RecipientState) -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice)
    came_to(message, [RecipientState.SENT])
    before = head(alice)
    report(Attempt.objects.get(recipient__message=message), came)
    assert f"timeline-{message.pk}" in refreshed(alice, since=before)


def test_an_open_page_fetches_its_timeline_anew_when_somebody_decides() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    by = builders.reviewer(alice.owner)
    for act in (
        partial(decisions.approve, version=1),
        partial(decisions.undo, version=2),
        partial(decisions.reject, version=3, reason="tone"),
    ):
        before = head(alice)
        act(review, reviewer=by, now=clock.now())
        assert f"timeline-{review.message_id}" in refreshed(alice, since=before)
