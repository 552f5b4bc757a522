"""Rules tried on the mail of the last days: what would change is what one computes by hand, and then comes so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from mailboxes import clock
from mailboxes.errors import Forbidden, Invalid
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import Message, Status
from oversight import backtest, decisions, rule_sets
from oversight.backtest import BackTest
from oversight.models import Evaluation, Review, RuleSetVersion
from oversight.policy.types import Outcome
from oversight.rule_sets import ACCOUNT
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock

pytestmark = pytest.mark.django_db

SEEDED = 200
MONEY = builders.rule("money", "hold", {"kind": "amount", "over": 1000}, lane="money", people=2, risk="high")
RIVALS = builders.rule("rivals", "refuse", {"kind": "recipient_list", "addresses": ["*@rival.example"]})


@pytest.fixture
def alice(settings: Settings) -> Tenant:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def intent(number: int) -> dict[str, Any]:
    """Every 5th goes to a rival, every 7th speaks of more than 1,000, every 11th of less."""
    domain = "rival.example" if number % 5 == 0 else "friends.example"
    amount = "Pay EUR 4,200.00" if number % 7 == 0 else "Pay EUR 12.00" if number % 11 == 0 else "Good day"
    return {"to": (f"kim{number}@{domain}",), "subject": f"Number {number}", "body_text": f"{amount}.\n"}


def expected(number: int) -> Outcome:
    """The verdict by hand."""
    if number % 5 == 0:
        return Outcome.REFUSE
    return Outcome.HOLD if number % 7 == 0 else Outcome.ALLOW


def tried(owner: Tenant, version: RuleSetVersion, **asked: Any) -> BackTest:
    asked = {"place": ACCOUNT, "days": None, "now": clock.now()} | asked
    return backtest.run(owner.owner_actor, asked.pop("place"), version.number, **asked)


def test_what_would_change_is_what_one_computes_by_hand_and_comes_so_once_published(alice: Tenant) -> None:
    sent = {builders.submit(alice, **intent(number)).pk: number for number in range(SEEDED)}
    proposed = builders.rules(alice, MONEY, RIVALS, is_live=False)
    before = list(Evaluation.objects.order_by("pk").values())
    tested = tried(alice, proposed)
    assert list(Evaluation.objects.order_by("pk").values()) == before
    by_hand = {pk: expected(number) for pk, number in sent.items() if expected(number) is not Outcome.ALLOW}
    assert {change.message_id: change.after.outcome for change in tested.changes} == by_hand
    assert {change.before.outcome for change in tested.changes} == {Outcome.ALLOW}
    assert (tested.looked_at, tested.changed, tested.is_whole) == (SEEDED, len(by_hand), True)
    assert tested.moves == {
        (Outcome.ALLOW, Outcome.REFUSE): len([1 for outcome in by_hand.values() if outcome is Outcome.REFUSE]),
        (Outcome.ALLOW, Outcome.HOLD): len([1 for outcome in by_hand.values() if outcome is Outcome.HOLD]),
    }
    after = {change.message_id: change.after for change in tested.changes}
    rule_sets.publish(alice.owner_actor, ACCOUNT, proposed.number, live=0, now=clock.now())
    for pk, number in list(sent.items())[::4]:
        kept = Evaluation.objects.get(message=builders.submit(alice, **intent(number)))
        assert kept.outcome == expected(number)
        if pk in after:
            assert kept.reason_code == after[pk].code
    assert tried(alice, proposed).changed == 0


def test_a_freer_rule_tells_what_people_had_rejected_of_what_would_leave(alice: Tenant) -> None:
    builders.rules(alice, builders.rule("all"))
    rhea = builders.reviewer(builders.member(alice.account))
    reviews = [Review.objects.get(message=builders.submit(alice, **intent(number))) for number in (1, 2, 3)]
    decisions.reject(reviews[0], reviewer=rhea, version=1, reason="tone", now=clock.now())
    tested = tried(alice, builders.rules(alice, is_live=False))
    assert (tested.moves, tested.rejected) == ({(Outcome.HOLD, Outcome.ALLOW): 3}, 1)
    assert [change.was_rejected for change in tested.changes] == [False, False, True]


def test_another_lane_or_number_of_people_is_a_change_too(alice: Tenant) -> None:
    builders.rules(alice, builders.rule("all"))
    builders.submit(alice)
    [change] = tried(alice, builders.rules(alice, builders.rule("all", people=2), is_live=False)).changes
    assert (change.before.people, change.after.people) == (1, 2)
    assert tried(alice, builders.rules(alice, builders.rule("other"), is_live=False)).changed == 0


def test_a_mailboxs_rules_are_tried_on_its_mail_with_the_accounts_beside_them(alice: Tenant) -> None:
    builders.rules(alice, RIVALS)
    for number in range(8):
        builders.submit(alice, **intent(number))
    proposed = builders.rules(alice, MONEY, mailbox=alice.mailbox, is_live=False)
    tested = tried(alice, proposed, place=alice.mailbox.pk)
    # 0 goes to a rival, whatever it costs: it was refused before, and would be after.
    assert [change.after.outcome for change in tested.changes] == [Outcome.HOLD]
    assert tested.changes[0].message_id == Message.objects.get(subject="Number 7").pk


def test_only_the_days_asked_for_and_so_many_messages_are_looked_at(
    alice: Tenant, clock: Clock, settings: Settings
) -> None:
    begin = clock.now() - timedelta(days=40)
    for days in (0, 20, 35, 39):
        clock.set(begin + timedelta(days=days))
        builders.submit(alice)
    clock.set(begin + timedelta(days=40))
    proposed = builders.rules(alice, builders.rule("all"), is_live=False)
    counts = [tried(alice, proposed, days=days, now=clock.now()).looked_at for days in (3, 10, None, 60)]
    assert counts == [1, 2, 3, 4]
    settings.BACKTEST_MESSAGES = 2
    tested = tried(alice, proposed, now=clock.now())
    assert (tested.looked_at, tested.is_whole, tested.changed) == (2, False, 2)
    for days in (0, -1, settings.BACKTEST_MOST_DAYS + 1):
        with pytest.raises(Invalid):
            tried(alice, proposed, days=days)


def test_a_mode_that_the_message_named_is_no_rules_to_lift_in_the_past_either() -> None:
    gated = builders.tenant(mode=OversightMode.GATED_SEND)
    asked, plain = builders.submit(gated, oversight_mode="gated_send"), builders.submit(gated)
    tested = tried(gated, builders.rules(gated, builders.rule("all", "allow"), is_live=False))
    assert [change.message_id for change in tested.changes] == [plain.pk]
    assert asked.status == Status.HELD


def test_a_back_test_is_noted_and_changes_no_mail(alice: Tenant) -> None:
    message = builders.submit(alice)
    tried(alice, builders.rules(alice, RIVALS, is_live=False))
    message.refresh_from_db()
    assert message.status == Status.QUEUED
    assert Event.objects.filter(kind="policy.back_tested").count() == 1


def test_an_agent_tries_no_rules(alice: Tenant) -> None:
    builders.rules(alice, RIVALS, is_live=False)
    with pytest.raises(Forbidden):
        backtest.run(alice.agent_actor, ACCOUNT, 1, days=None, now=clock.now())
