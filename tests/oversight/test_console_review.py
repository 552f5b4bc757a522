"""The review page: what it tells, and the three decisions with every way they can go wrong."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from mailboxes import clock, stops
from mailboxes.models import Role
from messaging.models import Message, Status, SuppressionReason
from messaging.outbound import outbox
from messaging.recipients import suppressions
from oversight import decisions, submission
from oversight.models import Decision, DecisionKind, Door, Review, ReviewState
from tests import builders
from tests.conftest import Clock
from tests.oversight.console import decide, seat, text_of, url_of

pytestmark = pytest.mark.django_db


def kinds(review: Review) -> list[str]:
    return list(Decision.objects.filter(review=review).order_by("version").values_list("kind", flat=True))


def state(review: Review) -> str:
    return Review.objects.get(pk=review.pk).state


class TestThePage:
    def test_says_why_who_to_whom_and_what_would_happen(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice, subject="Refund", cc=("lee@friends.example",))
        page = text_of(seat(alice.owner).get(url_of(review)))
        assert f"Held: {review.reason_text}" in page
        assert "Oversight mode, rule version 1" in page
        assert alice.agent.name in page
        assert f"{alice.key_text[:14]}…" in page
        assert "by the API" in page
        assert "kim@friends.example" in page
        assert "lee@friends.example" in page
        assert "30 seconds" in page
        assert 'name="version" value="1"' in page

    def test_tells_a_suppressed_recipient_and_earlier_mail(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        earlier = builders.held(alice)
        decisions.approve(earlier, reviewer=builders.reviewer(alice.owner), version=None, now=clock.now())
        earlier.message.recipients.update(state="delivered")
        suppressions.add(alice.account, "kim@friends.example", reason=SuppressionReason.BOUNCE, now=clock.now())
        page = text_of(seat(alice.owner).get(url_of(review)))
        assert "1 mail sent before" in page
        assert "Suppressed (bounce)" in page

    @pytest.mark.parametrize(
        ("tab", "expected"),
        [
            ("text", "Good day to you."),
            ("links", "https://shop.example"),
            ("headers", "Message-ID"),
            ("source", "MIME-Version: 1.0"),
            ("nonsense", "<iframe"),
        ],
    )
    def test_each_tab_is_a_link_of_its_own(self, tab: str, expected: str) -> None:
        alice = builders.tenant()
        review = builders.held(alice, body_text="Good day to you.\nhttps://shop.example/x\n")
        page = text_of(seat(alice.owner).get(f"{url_of(review)}?tab={tab}"))
        assert expected in page.replace("<b>", "").replace("</b>", "")

    def test_marks_what_turns_or_hides_text(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice, subject="Invoice\u202efdp.exe", body_text="a\u200bb\n")
        page = text_of(seat(alice.owner).get(f"{url_of(review)}?tab=text"))
        assert '<span class="mark">RLO</span>' in page
        assert '<span class="mark">ZWSP</span>' in page
        assert "turn the direction" in page

    def test_a_viewer_reads_it_and_gets_no_button(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        vera = seat(builders.member(alice.account, "vera", Role.VIEWER))
        page = text_of(vera.get(url_of(review)))
        assert "deciding needs the role of a reviewer" in page
        assert "Approve and send" not in page
        assert decide(vera, review, "approve").status_code == 403
        assert decide(vera, review, "reject", reason="tone").status_code == 403
        assert state(review) == ReviewState.OPEN

    def test_shows_every_step_in_order(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        decide(client, review, "approve")
        decide(client, review, "undo", version=2)
        page = text_of(client.get(url_of(review)))
        steps = ["Asked to send", "Held for a person", ">Approved <", "Approval taken back"]
        places = [page.index(step) for step in steps]
        assert places == sorted(places)


class TestApprove:
    def test_clears_the_bytes_and_opens_the_next_item(self) -> None:
        alice = builders.tenant()
        first, second = builders.held(alice), builders.held(alice, subject="Next one")
        client = seat(alice.owner)
        response = decide(client, first, "approve")
        assert response.headers["Location"] == url_of(second)
        assert Message.objects.get(pk=first.message_id).status == Status.QUEUED
        decision = Decision.objects.get(review=first)
        assert (decision.kind, decision.door, decision.member_id) == (
            DecisionKind.APPROVE,
            Door.CONSOLE,
            alice.owner.pk,
        )
        page = text_of(client.get(response.headers["Location"]))
        assert 'data-arrival="Approved, leaves in 30 seconds. Next: Next one"' in page
        assert re.search(r"undo-item.*?Hello", page, re.DOTALL)

    def test_of_the_last_item_leads_to_the_queue(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        assert decide(seat(alice.owner), review, "approve").headers["Location"] == "/review/"

    def test_by_htmx_leads_to_the_same_place(self) -> None:
        alice = builders.tenant()
        first, second = builders.held(alice), builders.held(alice)
        response = decide(seat(alice.owner), first, "approve", htmx=True)
        assert (response.status_code, response.headers["HX-Redirect"]) == (200, url_of(second))

    def test_sent_twice_is_recorded_once_and_no_conflict(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        assert decide(client, review, "approve").status_code == 302
        assert decide(client, review, "approve").status_code == 302
        assert kinds(review) == ["approve"]

    def test_after_a_colleague_says_who_was_first_and_keeps_the_typed_reason(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        rhea = builders.member(alice.account)
        decide(seat(rhea), review, "approve")
        response = decide(seat(alice.owner), review, "reject", reason="tone", note="Far too harsh")
        assert response.status_code == 409
        page = text_of(response)
        assert f"This was approved already, by {rhea.user.name}" in page
        assert "Far too harsh" in page
        assert kinds(review) == ["approve"]

    def test_of_an_old_version_is_refused_without_offering_the_unread_one(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        decide(client, review, "approve")
        decide(client, review, "undo", version=2)
        rhea = seat(builders.member(alice.account))
        response = decide(rhea, review, "approve", version=1, htmx=True)
        assert response.status_code == 409
        page = text_of(response)
        assert page.lstrip().startswith("<section")
        assert "has changed since you looked" in page
        assert "Read the new version" in page
        assert 'action="' not in page

    def test_of_an_expired_review_answers_gone_and_sends_nothing(self, clock: Clock) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        clock.advance(days=8)
        response = decide(client, review, "approve")
        assert response.status_code == 410
        assert "nothing was sent" in text_of(response)
        assert "Nobody decided in time" in text_of(client.get(url_of(review)))
        assert Message.objects.get(pk=review.message_id).status == Status.HELD

    @pytest.mark.parametrize("version", ["", "x", "0", "-1", "1.5", "99999999999999999999"])
    def test_without_a_version_is_no_decision(self, version: str) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        response = seat(alice.owner).post(url_of(review, "approve"), {"version": version})
        assert response.status_code in (409, 422)
        assert state(review) == ReviewState.OPEN

    def test_by_get_is_no_decision(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        assert {client.get(url_of(review, act)).status_code for act in ("approve", "reject", "undo")} == {405}
        assert state(review) == ReviewState.OPEN

    def test_without_the_form_token_is_no_decision(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        client.handler.enforce_csrf_checks = True
        assert decide(client, review, "approve").status_code == 403
        assert state(review) == ReviewState.OPEN


class TestReject:
    def test_needs_a_reason_and_ties_the_message_to_the_field(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        response = decide(seat(alice.owner), review, "reject", note="Because")
        assert response.status_code == 422
        page = text_of(response)
        assert 'aria-describedby="reason-error"' in page
        assert 'id="reason-error"' in page
        assert "autofocus" in page
        assert "Because" in page
        assert state(review) == ReviewState.OPEN

    def test_ends_the_message_and_tells_the_reason(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        decide(client, review, "reject", reason="wrong_facts", note="The price is 40, not 400.")
        stored = Review.objects.get(pk=review.pk)
        assert (stored.state, stored.note) == (ReviewState.REJECTED, "The price is 40, not 400.")
        page = text_of(client.get(url_of(review)))
        assert "Wrong facts" in page
        assert "Approve and send" not in page

    def test_with_a_note_too_long_keeps_it_to_be_shortened(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        response = decide(seat(alice.owner), review, "reject", reason="tone", note="x" * 4001, htmx=True)
        assert response.status_code == 422
        assert "note-error" in text_of(response)


class TestUndo:
    def test_takes_an_approval_back_and_the_mail_waits_again(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        decide(client, review, "approve")
        response = decide(client, review, "undo", version=2)
        assert response.headers["Location"] == url_of(review)
        assert state(review) == ReviewState.OPEN
        assert kinds(review) == ["approve", "undo"]
        assert decide(client, review, "undo", version=2).status_code == 302
        assert kinds(review) == ["approve", "undo"]

    def test_from_an_old_page_does_not_undo_a_newer_approval(self) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client, rhea = seat(alice.owner), seat(builders.member(alice.account))
        decide(client, review, "approve")
        decide(rhea, review, "undo", version=2)
        decide(rhea, review, "approve", version=3)
        assert decide(client, review, "undo", version=2).status_code == 409
        assert state(review) == ReviewState.APPROVED

    def test_comes_too_late_once_a_worker_has_claimed_the_mail(self, clock: Clock) -> None:
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        decide(client, review, "approve")
        later = clock.advance(seconds=31)
        builders.release()
        assert outbox.claim_due(limit=5, now=later + timedelta(minutes=1))
        response = decide(client, review, "undo", version=2)
        assert response.status_code == 409
        assert "already handed to the mail server" in text_of(response)

    def test_stays_at_hand_on_every_page_until_the_mail_leaves(self, clock: Clock) -> None:
        clock.set(clock.now())
        alice = builders.tenant()
        review = builders.held(alice, subject="Leaving soon")
        client = seat(alice.owner)
        decide(client, review, "approve")
        for path in ("/review/", "/monitor/", "/mailboxes/", "/stop/"):
            assert "undo-item" in text_of(client.get(path)), path
        assert "undo-item" not in text_of(seat(builders.member(alice.account)).get("/review/"))
        clock.advance(seconds=31)
        assert "undo-item" not in text_of(client.get("/review/"))

    def test_is_not_offered_where_it_is_switched_off(self, settings: pytest.FixtureRequest) -> None:
        settings.UNDO_SECONDS = 0  # type: ignore[attr-defined]
        alice = builders.tenant()
        review = builders.held(alice)
        client = seat(alice.owner)
        assert "at once" in text_of(client.get(url_of(review)))
        decide(client, review, "approve")
        assert "undo-item" not in text_of(client.get("/review/"))
        assert decide(client, review, "undo", version=2).status_code == 409


def test_a_row_answers_with_its_tombstone_and_the_tray() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    client = seat(alice.owner)
    headers = {"HX-Request": "true", "HX-Target": f"li#review-{review.pk}"}
    page = text_of(client.post(url_of(review, "approve"), {"version": 1}, headers=headers))
    assert f'id="review-{review.pk}" class="tombstone"' in page
    assert '<hx-partial hx-target="#undo-tray"' in page
    assert url_of(review, "undo") in page


def test_a_stopped_account_is_told_where_one_decides() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    stops.stop(alice.owner, reason="Odd prices", now=clock.now())
    page = text_of(seat(alice.owner).get(url_of(review)))
    assert "All sending is stopped." in page
    assert "it would wait until somebody resumes it" in page


def test_the_agent_that_takes_its_mail_back_is_named_in_the_conflict() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    submission.cancel(alice.agent_actor, alice.mailbox.pk, review.message_id, now=clock.now())
    response = decide(seat(alice.owner), review, "approve")
    assert response.status_code == 409
    assert "cancelled already, by the agent" in text_of(response)
