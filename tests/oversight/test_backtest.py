"""Rules tried on the mail of the last days: what would change is what one computes by hand, and then comes so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from mailboxes import clock
from mailboxes.errors import Conflict, Forbidden, Invalid
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import Message, Status
from oversight import back_test_runs, backtest, decisions, rule_sets
from oversight.models import BackTest, Evaluation, Review, RuleSetVersion
from oversight.policy.types import Outcome
from oversight.rule_sets import ACCOUNT
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock

pytestmark = pytest.mark.django_db

SEEDED = 200
PATIENCE = 600
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
    test = backtest.ask(owner.owner_actor, asked.pop("place"), version.number, **asked)
    back_test_runs.run_due(busy_for=PATIENCE)
    return BackTest.objects.get(pk=test.pk)


def test_what_would_change_is_what_one_computes_by_hand_and_comes_so_once_published(alice: Tenant) -> None:
    sent = {builders.submit(alice, **intent(number)).pk: number for number in range(SEEDED)}
    proposed = builders.rules(alice, MONEY, RIVALS, is_live=False)
    before = list(Evaluation.objects.order_by("pk").values())
    tested = tried(alice, proposed)
    assert list(Evaluation.objects.order_by("pk").values()) == before
    by_hand = {pk: expected(number) for pk, number in sent.items() if expected(number) is not Outcome.ALLOW}
    assert {change.message_id: change.after.outcome for change in backtest.changes(tested)} == by_hand
    assert {change.before.outcome for change in backtest.changes(tested)} == {Outcome.ALLOW}
    assert (tested.looked_at, tested.changed, tested.is_whole) == (SEEDED, len(by_hand), True)
    assert backtest.moves(tested) == {
        (Outcome.ALLOW, Outcome.REFUSE): len([1 for outcome in by_hand.values() if outcome is Outcome.REFUSE]),
        (Outcome.ALLOW, Outcome.HOLD): len([1 for outcome in by_hand.values() if outcome is Outcome.HOLD]),
    }
    after = {change.message_id: change.after for change in backtest.changes(tested)}
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
    assert (backtest.moves(tested), tested.rejected) == ({(Outcome.HOLD, Outcome.ALLOW): 3}, 1)
    assert [change.was_rejected for change in backtest.changes(tested)] == [False, False, True]


def test_another_lane_or_number_of_people_is_a_change_too(alice: Tenant) -> None:
    builders.rules(alice, builders.rule("all"))
    builders.submit(alice)
    two = builders.rules(alice, builders.rule("all", people=2), is_live=False)
    [change] = backtest.changes(tried(alice, two))
    assert (change.before.people, change.after.people) == (1, 2)
    assert tried(alice, builders.rules(alice, builders.rule("other"), is_live=False)).changed == 0


def test_a_mailboxs_rules_are_tried_on_its_mail_with_the_accounts_beside_them(alice: Tenant) -> None:
    builders.rules(alice, RIVALS)
    for number in range(8):
        builders.submit(alice, **intent(number))
    proposed = builders.rules(alice, MONEY, mailbox=alice.mailbox, is_live=False)
    tested = tried(alice, proposed, place=alice.mailbox.pk)
    # 0 goes to a rival, whatever it costs: it was refused before, and would be after.
    [change] = backtest.changes(tested)
    assert change.after.outcome == Outcome.HOLD
    assert change.message_id == Message.objects.get(subject="Number 7").pk


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
    assert [change.message_id for change in backtest.changes(tested)] == [plain.pk]
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
        backtest.ask(alice.agent_actor, ACCOUNT, 1, days=None, now=clock.now())


def test_what_a_dead_worker_left_another_one_goes_on_with_and_counts_nothing_twice(
    alice: Tenant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_test_runs, "AT_ONCE", 2)
    for number in range(7):
        builders.submit(alice, **intent(number))
    proposed = builders.rules(alice, builders.rule("all"), is_live=False)
    test = backtest.ask(alice.owner_actor, ACCOUNT, proposed.number, days=None, now=clock.now())
    assert back_test_runs.run_due(busy_for=0) == 2
    pages: list[int] = []
    compare = backtest.compare

    def dies(messages: Any, live: Any, of_version: Any) -> Any:
        pages.append(len(messages))
        if len(pages) == 2:
            raise OperationalError("the database went away")
        return compare(messages, live, of_version)

    monkeypatch.setattr(backtest, "compare", dies)
    with pytest.raises(OperationalError):
        back_test_runs.run_due(busy_for=PATIENCE)
    test.refresh_from_db()
    assert (test.looked_at, test.finished_at) == (4, None)
    assert back_test_runs.run_due() == 0  # somebody may still hold it
    clock.set(clock.now() + back_test_runs.LEASE)
    assert back_test_runs.run_due(busy_for=PATIENCE) == 3
    test.refresh_from_db()
    assert (test.looked_at, test.total, test.changed) == (7, 7, 7)
    assert len({change.message_id for change in backtest.changes(test)}) == 7


def test_a_back_test_that_breaks_says_so_and_makes_room_for_the_next(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.submit(alice)
    proposed = builders.rules(alice, builders.rule("all"), is_live=False)

    def breaks(*_: Any) -> Any:
        raise KeyError("odd")

    with monkeypatch.context() as patched:
        patched.setattr(backtest, "compare", breaks)
        broken = tried(alice, proposed)
    assert (broken.failure, broken.looked_at) == (back_test_runs.BROKEN, 0)
    assert broken.finished_at
    assert tried(alice, proposed).changed == 1


def test_who_takes_it_and_gets_no_further_gives_it_up_in_the_end(alice: Tenant, clock: Clock) -> None:
    builders.submit(alice)
    proposed = builders.rules(alice, builders.rule("all"), is_live=False)
    test = backtest.ask(alice.owner_actor, ACCOUNT, proposed.number, days=None, now=clock.now())
    BackTest.objects.update(tries=back_test_runs.MOST_TRIES)
    assert back_test_runs.run_due() == 0
    test.refresh_from_db()
    assert (test.failure, test.looked_at) == (back_test_runs.BROKEN, 0)


def test_rules_that_are_published_meanwhile_change_nothing_of_what_is_compared(alice: Tenant) -> None:
    builders.submit(alice)
    proposed = builders.rules(alice, builders.rule("all"), is_live=False)
    test = backtest.ask(alice.owner_actor, ACCOUNT, proposed.number, days=None, now=clock.now())
    rule_sets.publish(alice.owner_actor, ACCOUNT, proposed.number, live=0, now=clock.now())
    back_test_runs.run_due()
    test.refresh_from_db()
    assert backtest.moves(test) == {(Outcome.ALLOW, Outcome.HOLD): 1}


def test_an_account_has_one_under_way(alice: Tenant) -> None:
    first, second = (builders.rules(alice, builders.rule(name), is_live=False) for name in ("one", "two"))
    asked = [backtest.ask(alice.owner_actor, ACCOUNT, first.number, days=3, now=clock.now()) for _ in range(2)]
    assert asked[0].pk == asked[1].pk
    with pytest.raises(Conflict):
        backtest.ask(alice.owner_actor, ACCOUNT, second.number, days=3, now=clock.now())
    back_test_runs.run_due()
    assert backtest.ask(alice.owner_actor, ACCOUNT, second.number, days=3, now=clock.now()).pk != asked[0].pk
