"""What became of a message, step by step, as the verb of both faces tells it."""

from __future__ import annotations

import pytest
from django.conf import settings as house
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from mailboxes import clock as house_clock
from mailboxes import stops
from mailboxes.models import LimitKind, StopScope
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal
from messaging.inbound import withholding
from messaging.models import Attempt, Message, RecipientState
from messaging.outbound import outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.recipients import suppressions
from oversight import decisions, reviews, submission, timeline
from oversight.models import Door, Review
from oversight.timeline import Kind, Step, Timeline
from tests import builders
from tests.arrivals import arrive, withheld
from tests.builders import Tenant
from tests.conftest import Clock
from tests.letters import letter
from tests.outcomes import came_to, claim, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


@pytest.fixture
def free() -> Tenant:
    """Alice with a mailbox that sends by itself."""
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def of(message: Message, actor: Principal) -> Timeline:
    related = Message.objects.select_related("agent", "key", "member__user")
    return timeline.of(related.get(pk=message.pk), actor=actor)


def steps(message: Message, owner: Tenant, *kinds: Kind) -> list[Step]:
    """The steps of these kinds, or all, as the tenant's agent is told them."""
    found = of(message, owner.agent_actor).steps
    return [step for step in found if not kinds or step.kind in kinds]


def kinds(message: Message, owner: Tenant) -> list[Kind]:
    return [step.kind for step in steps(message, owner)]


def settle(attempt: Attempt, kind: OutcomeKind, code: str, text: str) -> None:
    outcomes.record(attempt, Outcome(kind, code, text), now=house_clock.now())


def approve(review: Review, owner: Tenant, *, version: int = 1, note: str = "") -> None:
    by = builders.reviewer(owner.owner)
    decisions.approve(review, reviewer=by, version=version, note=note, now=house_clock.now())


class TestWhatWasAskedFor:
    def test_begins_with_who_asked_through_which_door(self, free: Tenant) -> None:
        message = builders.submit(free, cc=("lee@friends.example",))
        intent, verdict = steps(message, free)
        assert (intent.kind, intent.text) == (Kind.INTENT, "Asked to send")
        assert intent.by == timeline.Actor("agent", free.agent.name)
        assert intent.data == {
            "door": "api",
            "keyPrefix": free.key_text[:14],
            "keyName": intent.data["keyName"],
            "environment": "live",
            "recipientCount": 2,
            "files": [],
            "provenance": "unknown",
            "triggerId": None,
        }
        assert (verdict.kind, verdict.text) == (Kind.VERDICT, "Cleared without a person (autonomous)")
        assert verdict.data["outcome"] == "allow"
        assert verdict.at == intent.at == message.created_at

    def test_names_the_received_mail_that_it_answers_and_nothing_of_its_subject(self, free: Tenant) -> None:
        asked = arrive(
            free.mailbox, letter(to=free.mailbox.full_address, subject="Secret plan", message_id="<q@x.example>")
        )
        answer = builders.submit(free, in_reply_to="<q@x.example>")
        (trigger,) = steps(answer, free, Kind.TRIGGER)
        assert trigger.text == "Answers a mail that came in"
        assert trigger.data == {"messageId": str(asked.pk), "direction": "INBOUND", "createdAt": asked.created_at}

    def test_has_no_trigger_when_what_it_answers_is_not_here(self, free: Tenant) -> None:
        bob = builders.tenant("bob")
        arrive(bob.mailbox, letter(to=bob.mailbox.full_address, message_id="<q@x.example>"))
        assert steps(builders.submit(free, in_reply_to="<q@x.example>"), free, Kind.TRIGGER) == []

    def test_of_a_test_key_says_so(self, free: Tenant) -> None:
        twin = builders.twin(free)
        (intent,) = steps(builders.submit(twin), twin, Kind.INTENT)
        assert intent.data["environment"] == "test"

    def test_by_an_agent_that_is_gone_names_nobody(self, free: Tenant) -> None:
        message = builders.submit(free)
        Message.objects.filter(pk=message.pk).update(agent=None, key=None)
        (intent,) = steps(message, free, Kind.INTENT)
        assert (intent.by, intent.data["keyPrefix"]) == (None, None)


class TestWhatPeopleDecided:
    def test_held_approved_undone_rejected_is_told_in_that_order(self, alice: Tenant, clock: Clock) -> None:
        clock.advance()
        review = builders.held(alice)
        clock.advance(seconds=5)
        approve(review, alice, note="Fine.")
        clock.advance(seconds=5)
        decisions.undo(review, reviewer=builders.reviewer(alice.owner), now=clock.now())
        clock.advance(seconds=5)
        rhea = builders.member(alice.account)
        by_key = builders.reviewer(rhea, Door.API)
        decisions.reject(review, reviewer=by_key, version=3, reason="tone", note="Kinder, please.", now=clock.now())
        told = steps(review.message, alice)
        assert [(step.kind.value, step.text) for step in told] == [
            ("intent", "Asked to send"),
            ("verdict", f"Held for a person: {review.reason_text}"),
            ("review", "A review waits for a person"),
            ("review", "Approved"),
            ("review", "Approval taken back"),
            ("review", "Rejected: Tone (“Kinder, please.”), through the API"),
        ]
        assert [step.data["action"] for step in told[2:]] == ["opened", "approved", "undone", "rejected"]
        assert [step.by for step in told[3:]] == [
            timeline.Actor("member", alice.owner.user.name or alice.owner.user.email),
            timeline.Actor("member", alice.owner.user.name or alice.owner.user.email),
            timeline.Actor("member", rhea.user.name or rhea.user.email),
        ]
        assert told[-1].data["reason"] == {"code": "tone", "text": "Tone"}
        assert of(review.message, alice.agent_actor).is_complete

    def test_an_agent_does_not_read_the_note_of_a_decision_that_was_undone_but_a_member_does(
        self, alice: Tenant
    ) -> None:
        review = builders.held(alice)
        approve(review, alice, note="For Ben's eyes")
        (_, approved) = steps(review.message, alice, Kind.REVIEW)
        assert approved.data["note"] == "For Ben's eyes"
        decisions.undo(review, reviewer=builders.reviewer(alice.owner), now=house_clock.now())
        told_to_agent = of(review.message, alice.agent_actor)
        told_to_member = of(review.message, alice.owner_actor)
        assert "Ben" not in str(told_to_agent)
        assert "Approved (“For Ben's eyes”)" in [step.text for step in told_to_member.steps]

    def test_an_agent_is_told_the_rule_that_decided_and_a_member_every_rule(self, alice: Tenant) -> None:
        review = builders.held(alice)
        evaluation = review.message.evaluations.get()
        quiet = {**evaluation.trace[0], "rule": "amount", "code": "amount_over", "text": "Over 1,000", "outcome": None}
        evaluation.trace.append(quiet)
        evaluation.save()
        (to_agent,) = steps(review.message, alice, Kind.VERDICT)
        assert [line["rule"] for line in to_agent.data["trace"]] == ["oversight_mode"]
        assert "1,000" not in str(to_agent)
        to_member = next(step for step in of(review.message, alice.owner_actor).steps if step.kind == Kind.VERDICT)
        assert [line["rule"] for line in to_member.data["trace"]] == [
            "oversight_mode",
            "floor",
            "own_key",
            "thread_breaker",
            "amount",
        ]

    def test_a_review_that_nobody_decided_expired(self, alice: Tenant, clock: Clock) -> None:
        review = builders.held(alice)
        assert not of(review.message, alice.agent_actor).is_complete
        clock.advance(days=house.REVIEW_EXPIRES_DAYS + 1)
        reviews.expire_due(now=clock.now())
        last = steps(review.message, alice)[-1]
        assert (last.kind, last.text) == (Kind.EXPIRED, "Expired: nobody decided, nothing was sent")
        assert of(review.message, alice.agent_actor).is_complete

    @pytest.mark.parametrize("mode", [OversightMode.AUTONOMOUS, OversightMode.GATED_SEND])
    def test_cancelled_by_its_agent_says_by_whom(self, mode: OversightMode) -> None:
        alice = builders.tenant(mode=mode)
        message = builders.submit(alice)
        submission.cancel(alice.agent_actor, alice.mailbox.pk, message.pk, now=house_clock.now())
        last = steps(message, alice)[-1]
        assert (last.kind, last.by) == (Kind.CANCELLED, timeline.Actor("agent", alice.agent.name))
        assert of(message, alice.agent_actor).is_complete


class TestWhatCameOfEachTry:
    def test_put_off_then_taken_then_bounced_with_every_answer(self, free: Tenant, clock: Clock) -> None:
        clock.advance()
        message = builders.submit(free)
        (first,) = claim(message)
        clock.advance(seconds=2)
        settle(first, OutcomeKind.DEFERRED, "451", "4.7.1 Greylisted, come again.")
        (put_off,) = steps(message, free, Kind.ATTEMPT)
        next_at = message.recipients.get().next_at
        assert put_off.text == "Put off by the mail server for kim@friends.example: 451 4.7.1 Greylisted, come again."
        assert put_off.data == {
            "recipient": "kim@friends.example",
            "number": 1,
            "startedAt": first.started_at,
            "durationMs": 2000,
            "outcome": "deferred",
            "code": "451",
            "text": "4.7.1 Greylisted, come again.",
            "nextAttemptAt": next_at,
            "gaveUp": False,
        }
        clock.advance(seconds=600)
        (second,) = claim(message)
        settle(second, OutcomeKind.SENT, "250", "2.0.0 Taken.")
        clock.advance(seconds=60)
        report(second, RecipientState.BOUNCED)
        told = steps(message, free)
        assert [step.kind.value for step in told[2:]] == ["attempt", "attempt", "feedback", "suppression"]
        assert told[2].data["nextAttemptAt"] is None
        assert told[3].text == "Taken by the mail server for kim@friends.example: 250 2.0.0 Taken."
        assert told[4].text == "Bounced for kim@friends.example: 5.1.1"
        assert told[4].data["state"] == "bounced"
        assert told[5].data["reason"] == "BOUNCE"
        assert told[5].data["recipient"] == "kim@friends.example"

    def test_while_it_runs_a_try_has_no_answer(self, free: Tenant) -> None:
        message = builders.submit(free)
        claim(message)
        (running,) = steps(message, free, Kind.ATTEMPT)
        assert running.text == "Being handed over for kim@friends.example"
        assert (running.data["outcome"], running.data["durationMs"]) == (None, None)
        assert not of(message, free.agent_actor).is_complete

    def test_what_we_ourselves_did_not_send_is_not_laid_on_the_mail_server(self, free: Tenant) -> None:
        message = builders.submit(free)
        (attempt,) = claim(message)
        settle(attempt, OutcomeKind.FAILED, "suppressed", "It is on the suppression list.")
        (tried,) = steps(message, free, Kind.ATTEMPT)
        assert tried.text == "Not sent to kim@friends.example: It is on the suppression list."
        assert steps(message, free)[-1].text == "Failed: nobody took it"

    def test_the_last_of_many_tries_says_that_it_was_given_up(self, free: Tenant, clock: Clock) -> None:
        message = builders.submit(free)
        (first,) = claim(message)
        settle(first, OutcomeKind.DEFERRED, "450", "Later.")
        clock.advance(days=6)
        (second,) = claim(message)
        settle(second, OutcomeKind.DEFERRED, "450", "Later.")
        tried = steps(message, free, Kind.ATTEMPT)
        assert [step.data["gaveUp"] for step in tried] == [False, True]
        assert tried[1].text.endswith("450 Later. Given up.")

    def test_an_answer_that_was_lost_leaves_the_message_open_until_a_report_proves_it(self, free: Tenant) -> None:
        message = builders.submit(free)
        (attempt,) = claim(message)
        settle(attempt, OutcomeKind.UNKNOWN, "answer_lost", "Nobody knows.")
        assert [step.data.get("state") for step in steps(message, free, Kind.OUTCOME)] == ["unknown"]
        assert not of(message, free.agent_actor).is_complete
        report(attempt, RecipientState.DELIVERED)
        told = [(step.kind.value, step.data["state"]) for step in steps(message, free, Kind.OUTCOME, Kind.FEEDBACK)]
        assert told == [("outcome", "unknown"), ("outcome", "sent"), ("feedback", "delivered")]
        assert of(message, free.agent_actor).is_complete

    def test_a_complaint_after_the_delivery_is_told_with_the_suppression_that_followed(self, free: Tenant) -> None:
        message = builders.submit(free, to=("kim+orders@friends.example",))
        came_to(message, [RecipientState.COMPLAINED])
        feedback, suppression = steps(message, free, Kind.FEEDBACK, Kind.SUPPRESSION)
        assert feedback.text == "Reported as spam by kim+orders@friends.example"
        assert suppression.text.startswith("kim+orders@friends.example is on the suppression list")

    def test_a_suppression_that_was_removed_is_not_told_any_more(self, free: Tenant) -> None:
        message = builders.submit(free)
        came_to(message, [RecipientState.BOUNCED])
        (row,) = suppressions.of_account(free.agent_actor)
        suppressions.remove(free.agent_actor, row.pk, now=house_clock.now())
        assert steps(message, free, Kind.SUPPRESSION) == []
        assert len(steps(message, free, Kind.FEEDBACK)) == 1


class TestWhatCameIn:
    def test_is_told_from_its_arrival_to_its_being_shown(self, alice: Tenant) -> None:
        ours = builders.submit(alice)
        raw = letter(f"In-Reply-To: {ours.message_id}", to=alice.mailbox.full_address)
        message = arrive(alice.mailbox, raw)
        told = steps(message, alice)
        assert {step.kind for step in told} == {
            Kind.ARRIVED,
            Kind.TRIGGER,
            Kind.CHECKS,
            Kind.FILED,
            Kind.RELEASED,
            Kind.TOLD,
        }
        assert [told[0].kind, told[-2].kind, told[-1].kind] == [Kind.ARRIVED, Kind.RELEASED, Kind.TOLD]
        (arrived, trigger, checks) = steps(message, alice, Kind.ARRIVED, Kind.TRIGGER, Kind.CHECKS)
        assert arrived.at == message.received_at
        assert arrived.by == timeline.Actor("sender", "kim@friends.example")
        assert trigger.data["messageId"] == str(ours.pk)
        assert checks.text == "Sender checked: SPF none, DKIM none, DMARC none"
        assert of(message, alice.agent_actor).is_complete

    def test_withheld_at_first_and_unlocked_later_is_told_so(self, alice: Tenant) -> None:
        message = withheld(alice.mailbox)
        builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 10)
        assert withholding.unlock(alice.account, now=house_clock.now()) == 1
        told = steps(message, alice, Kind.RELEASED, Kind.UNLOCKED)
        assert [step.text for step in told] == [
            "Announced, and withheld: it came over the month's limit",
            "Unlocked: it had come over the month's limit",
        ]


class TestHowMuchIsTold:
    def test_fifty_recipients_with_many_tries_are_told_up_to_the_limit_newest_kept(
        self, free: Tenant, clock: Clock, settings: Settings
    ) -> None:
        settings.TIMELINE_STEPS = 60
        for kind in (LimitKind.MAILBOX_SENDS_PER_MINUTE, LimitKind.ACCOUNT_SENDS_PER_MINUTE):
            builders.limit(free.account, kind, 0)
        message = builders.submit(free, to=tuple(f"kim{number}@friends.example" for number in range(50)))
        for _ in range(3):
            clock.advance(seconds=3600)
            for attempt in claim(message):
                settle(attempt, OutcomeKind.DEFERRED, "451", "Later.")
        told = of(message, free.agent_actor)
        assert len(told.steps) == 60
        assert told.has_more
        assert [step.kind for step in told.steps[:2]] == [Kind.INTENT, Kind.VERDICT]
        assert {step.data["number"] for step in told.steps[-50:]} == {3}

    def test_all_of_it_is_told_where_the_limit_has_room(self, free: Tenant) -> None:
        message = builders.submit(free)
        came_to(message, [RecipientState.DELIVERED])
        assert not of(message, free.agent_actor).has_more

    def test_it_costs_two_queries_whatever_has_happened(self, free: Tenant, clock: Clock) -> None:
        message = builders.submit(free, cc=("lee@friends.example", "max@friends.example"))
        came_to(message, [RecipientState.BOUNCED, RecipientState.DELIVERED, RecipientState.DEFERRED])
        held = Message.objects.select_related("agent", "key", "member__user").get(pk=message.pk)
        with CaptureQueriesContext(connection) as asked:
            told = timeline.of(held, actor=free.agent_actor)
        assert len(asked) <= 2
        assert len(told.steps) == 2 + 3 + 2 + 1

    def test_steps_of_one_moment_stand_in_the_same_order_each_time(self, free: Tenant, clock: Clock) -> None:
        clock.advance()
        now = clock.now()
        clock.set(now)
        message = builders.submit(free, cc=("lee@friends.example",), bcc=("max@friends.example",))
        came_to(message, [RecipientState.DELIVERED, RecipientState.BOUNCED, RecipientState.COMPLAINED])
        first = of(message, free.agent_actor).steps
        assert {step.at for step in first} == {now}
        assert [step.kind.value for step in first] == [
            "intent", "verdict", *["attempt"] * 3, *["feedback"] * 3, *["suppression"] * 2
        ]  # fmt: skip
        numbers = [step.number for step in first if step.kind is Kind.FEEDBACK]
        assert numbers == sorted(numbers)
        assert of(message, free.agent_actor).steps == first


class TestWhatHeldItBack:
    def test_a_stop_between_clearance_and_the_first_try_is_told_with_its_end(self, free: Tenant, clock: Clock) -> None:
        before = stops.stop(free.owner, now=clock.now())
        stops.resume(free.owner, now=clock.advance(seconds=1))
        assert before is not None
        message = builders.submit(free, now=clock.advance(seconds=1))
        stops.stop(free.owner, scope=StopScope.MAILBOX, subject_id=free.mailbox.pk, now=clock.advance(seconds=1))
        [told] = steps(message, free, Kind.STOP)
        assert (told.text, told.data) == (
            "Held back: all sending of its mailbox was stopped",
            {"scope": "mailbox", "state": "stopped"},
        )
        stops.resume(free.owner, scope=StopScope.MAILBOX, subject_id=free.mailbox.pk, now=clock.advance(seconds=1))
        clock.advance(seconds=1)
        [attempt] = claim(message)
        settle(attempt, OutcomeKind.SENT, "250", "Ok")
        stops.stop(free.owner, now=clock.advance(seconds=1))  # it has left by now
        assert [step.data["state"] for step in steps(message, free, Kind.STOP)] == ["stopped", "resumed"]

    def test_what_waits_for_people_anyway_is_held_back_by_nothing_else(self, alice: Tenant, clock: Clock) -> None:
        review = builders.held(alice, now=clock.now())
        stops.stop(alice.owner, now=clock.advance(seconds=1))
        assert steps(review.message, alice, Kind.STOP) == []
        clock.advance(seconds=1)
        approve(review, alice)
        assert [step.data["state"] for step in steps(review.message, alice, Kind.STOP)] == ["stopped"]
