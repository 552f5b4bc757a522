"""What else people do at a review: give it back, put it off, decide as several; and what the page tells of all that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from mailboxes import clock as clocks
from mailboxes import stops
from mailboxes.models import Member
from mailboxes.modes import OversightMode
from messaging.models import Message, Status
from oversight import claims
from oversight.models import Decision, Review, ReviewState
from tests import builders
from tests.api_client import Api
from tests.arrivals import arrive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.letters import letter
from tests.oversight.console import decide, seat, text_of, url_of
from tests.oversight.people import approve, asking, edit, fresh, give_back
from tests.oversight.sends import MAIL

pytestmark = pytest.mark.django_db

ASKED: dict[str, Any] = {"reason": "wrong_facts", "instructions": "Name the price."}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def rhea(alice: Tenant) -> Member:
    return builders.member(alice.account, "rhea")


@pytest.fixture
def ben(alice: Tenant) -> Member:
    return builders.member(alice.account, "ben")


class TestAskToChange:
    @pytest.mark.parametrize("missing", ["reason", "instructions"])
    def test_needs_both_words_and_keeps_the_others(self, missing: str, alice: Tenant, rhea: Member) -> None:
        review = builders.held(alice)
        answer = decide(seat(rhea), review, "request-changes", htmx=True, **(ASKED | {missing: " "}))
        assert answer.status_code == 422
        page = text_of(answer)
        assert 'class="act-wide" open' in page
        assert 'id="change-error"' in page if missing == "reason" else 'id="instructions-error"' in page
        assert missing == "instructions" or "Name the price." in page
        assert fresh(review).state == ReviewState.OPEN

    def test_gives_it_back_and_the_page_says_until_when_it_waits_for_what(self, alice: Tenant, rhea: Member) -> None:
        review, other, client = builders.held(alice), builders.held(alice), seat(rhea)
        answers = [decide(client, review, "request-changes", **ASKED) for _ in range(2)]  # sent twice: no conflict
        assert [answer.headers["Location"] for answer in answers] == [url_of(other)] * 2
        assert Decision.objects.filter(review=review).count() == 1
        page = text_of(client.get(url_of(review)))
        assert "gave it back to be changed" in page
        assert "It waits for the agent, who has until" in page
        assert "Name the price." in page
        assert ": Wrong facts" in page

    def test_the_resubmission_shows_what_differs_first_and_what_was_asked(
        self, alice: Tenant, rhea: Member, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        review, client = builders.held(alice), seat(rhea)
        give_back(review, rhea)
        body = MAIL | {"subject": "With a price", "bodyText": "Good day to you. It is 5 EUR.\n"}
        path = f"/mailboxes/{alice.mailbox.pk}/messages/{review.message_id}/resubmit"
        assert Api(alice.key_text).post(path, body).status == 200
        newest = Review.objects.get(message=review.message, state=ReviewState.OPEN)
        with django_assert_max_num_queries(13):
            page = text_of(client.get(url_of(newest)))
        assert f"{alice.agent.name} sent it again: version 2." in page
        assert "had asked:</b> Name the price." in page
        assert "<ins> It is 5 EUR.</ins>" in page
        assert "Sent again, changed: revision 2" in page
        assert url_of(newest) in text_of(client.get(url_of(review)))
        edit(newest, rhea, text="Good day to you. It is 6 EUR.\n")
        page = text_of(client.get(url_of(newest)))
        assert "1 change: text." in page
        assert "Version 2, " in page
        assert "With a price" in text_of(client.get(f"{url_of(newest)}?tab=diff&revision=2"))

    def test_after_a_colleague_keeps_the_instructions(self, alice: Tenant, rhea: Member, ben: Member) -> None:
        review = builders.held(alice)
        approve(review, ben)
        answer = decide(seat(rhea), review, "request-changes", **ASKED)
        assert answer.status_code == 409
        assert "Name the price." in text_of(answer)


class TestSnooze:
    @pytest.mark.parametrize(
        ("choice", "until"),
        [
            ("hour", datetime(2026, 3, 28, 13, 30, tzinfo=UTC)),
            ("hours", datetime(2026, 3, 28, 16, 30, tzinfo=UTC)),
            ("morning", datetime(2026, 3, 29, 7, 0, tzinfo=UTC)),  # the clocks go forward that night
        ],
    )
    def test_lasts_until_the_moment_in_the_readers_zone_and_ends_by_hand(
        self, choice: str, until: datetime, alice: Tenant, rhea: Member, clock: Clock
    ) -> None:
        clock.set(datetime(2026, 3, 28, 12, 30, tzinfo=UTC))
        review, client = builders.held(alice), seat(rhea)
        client.cookies["gatepost_zone"] = "Europe/Berlin"
        assert client.post(url_of(review, "snooze"), {"until": choice}).headers["Location"] == "/review/"
        assert fresh(review).snoozed_until == until
        assert review.message.subject not in text_of(client.get("/review/"))
        assert "Put off until" in text_of(client.get(url_of(review)))
        assert client.post(url_of(review, "snooze"), {"until": "now"}).headers["Location"] == url_of(review)
        assert fresh(review).snoozed_until is None

    def test_never_lasts_beyond_the_end(self, alice: Tenant, rhea: Member) -> None:
        review, client = builders.held(alice), seat(rhea)
        Review.objects.filter(pk=review.pk).update(expires_at=clocks.now() + timedelta(minutes=50))
        page = text_of(client.get(url_of(review), {"do": "snooze"}))
        assert "It expires before it could come back." in page
        answer = client.post(url_of(review, "snooze"), {"until": "hour"})
        assert (answer.status_code, fresh(review).snoozed_until) == (400, None)
        assert "It would expire before it came back." in text_of(answer)
        assert client.post(url_of(review, "snooze"), {"until": "never"}).status_code == 422


class TestSeveral:
    def test_the_bar_tells_who_approved_and_what_one_more_does(
        self, alice: Tenant, rhea: Member, ben: Member, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        review = asking(alice, people=2)
        client = seat(rhea)
        with django_assert_max_num_queries(13):
            page = text_of(client.get(url_of(review)))
        with django_assert_max_num_queries(13):
            client.get(url_of(review, "edit"))
        assert "0 of 2 people approved" in page
        assert "After yours it goes on waiting for another." in page
        assert "Approve and send" not in page
        approve(review, ben)
        page = text_of(client.get(url_of(review)))
        assert "1 of 2 people approved" in page
        assert (ben.user.name or ben.user.email) in page
        assert "Yours is the last that is needed." in page
        assert "Approved; it waits for another person" in page
        own = text_of(seat(ben).get(url_of(review)))
        assert "Another person must; you have approved it." in own
        assert 'data-key="a"' not in own
        edit(fresh(review), rhea, subject="Anew")
        with django_assert_max_num_queries(13):
            page = text_of(client.get(url_of(review)))
        assert "0 of 2 people approved" in page

    def test_what_was_found_stale_comes_back_with_the_reason(self, alice: Tenant, rhea: Member) -> None:
        review = builders.held(alice)
        approve(review, rhea)
        stops.stop(alice.owner, reason="Test", now=clocks.now())
        builders.release()
        assert Message.objects.get(pk=review.message_id).status == Status.HELD
        page = text_of(seat(rhea).get(url_of(review)))
        assert "Came back: All sending was stopped before it left" in page
        assert "That approval counts no more" in page
        assert "Waits again: all sending was stopped" in page

    def test_where_a_claim_is_required_the_bar_says_so_until_it_is_taken(self, alice: Tenant, rhea: Member) -> None:
        claims.set_mode(alice.owner_actor, "required", now=clocks.now())
        review, client = builders.held(alice), seat(rhea)
        assert "Here a review is claimed before it is decided." in text_of(client.get(url_of(review)))
        client.post(url_of(review, "claim"))
        assert "Here a review is claimed" not in text_of(client.get(url_of(review)))


def test_received_mail_is_put_off_and_neither_edited_nor_given_back() -> None:
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    review, client = Review.objects.get(message=arrive(alice.mailbox, letter())), seat(alice.owner)
    page = text_of(client.get(url_of(review)))
    assert "Snooze…" in page
    assert url_of(review, "edit") not in page
    assert client.get(url_of(review, "edit")).status_code == 302
    assert client.post(url_of(review, "edit"), {}).status_code in (409, 422)
    assert decide(client, review, "request-changes", **ASKED).status_code == 409
    assert fresh(review).state == ReviewState.OPEN
