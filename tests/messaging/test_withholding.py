"""Mail over the month's limit is kept, seen by nobody, and unlocked where it is: once, and oldest first."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes import accounts, inbound_usage, limits, mailbox
from mailboxes.models import Account, Event, LimitKind, Mailbox
from messaging import threads, wakeup
from messaging.inbound import intake, withholding
from messaging.models import Message, Status, Thread
from messaging.visibility import visible
from tests import builders
from tests.arrivals import arrive, receive
from tests.builders import Tenant
from tests.conftest import Clock
from tests.letters import letter

pytestmark = pytest.mark.django_db

# In the future: the database lets nothing be deleted in the past.
MAY = datetime(2036, 5, 20, 12, 0, tzinfo=UTC)
JUNE = datetime(2036, 6, 1, 0, 0, 30, tzinfo=UTC)


@pytest.fixture
def may(clock: Clock) -> Clock:
    clock.set(MAY)
    return clock


@pytest.fixture
def alice(may: Clock) -> Tenant:
    """An account that may receive two messages a month."""
    alice = builders.tenant()
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 2)
    return alice


def arrived(clock: Clock, box: Mailbox, *subjects: str) -> list[Message]:
    """Mails one second after the other."""
    found = []
    for subject in subjects:
        clock.advance(seconds=1)
        found.append(arrive(box, letter(to=box.full_address, subject=subject)))
    return found


def seen(box: Mailbox) -> list[str]:
    return list(visible(box).order_by("received_at").values_list("subject", flat=True))


def told(box: Mailbox, kind: str) -> list[dict[str, object]]:
    found = Event.objects.filter(mailbox_id=box.pk, kind=kind).order_by("seq")
    return [json.loads(event.data) for event in found]


def raise_to(owner: Tenant, amount: int, clock: Clock) -> None:
    limits.set_limit(owner.account, LimitKind.MONTHLY_INBOUND, amount, by="test", now=clock.now())


def test_what_comes_over_the_limit_is_kept_and_withheld(alice: Tenant, may: Clock) -> None:
    *_, third = arrived(may, alice.mailbox, "One", "Two", "Three")
    assert seen(alice.mailbox) == ["One", "Two"]
    assert (third.status, third.withheld_at, third.unlocked_at) == (Status.RELEASED, may.now(), None)
    assert third.subject == "Three"
    assert bytes(third.raw_message.raw).endswith(b"Good day to you.\r\n")
    assert inbound_usage.find(alice.account, now=may.now()).current == 3
    assert inbound_usage.withheld(alice.mailbox, now=may.now()) == inbound_usage.withheld_of(alice.account) == 1


def test_a_withheld_mail_is_announced_by_its_ids_and_marked(alice: Tenant, may: Clock) -> None:
    first, _, third = arrived(may, alice.mailbox, "One", "Two", "Three")
    shown, _, stub = told(alice.mailbox, "message.received")
    assert shown == {
        "message_id": str(first.pk),
        "mailbox_id": str(alice.mailbox.pk),
        "thread_id": str(first.thread_id),
    }
    assert stub == {"message_id": str(third.pk), "mailbox_id": str(alice.mailbox.pk), "over_limit": True}


def test_a_limit_of_zero_withholds_nothing(alice: Tenant, may: Clock) -> None:
    raise_to(alice, 0, may)
    assert len(arrived(may, alice.mailbox, "One", "Two", "Three")) == len(seen(alice.mailbox)) == 3


def test_the_limit_is_of_the_account_and_not_of_a_mailbox(alice: Tenant, may: Clock) -> None:
    second = mailbox.create(
        alice.account, mailbox.NewMailbox(address="second", domain=alice.mailbox.domain), now=may.now()
    )
    arrived(may, alice.mailbox, "One", "Two")
    arrived(may, second, "Three")
    assert (seen(alice.mailbox), seen(second)) == (["One", "Two"], [])
    assert inbound_usage.withheld(second, now=may.now()) == inbound_usage.withheld_of(alice.account) == 1


def test_what_passes_the_limit_within_one_batch_is_withheld_and_the_rest_shown(alice: Tenant, may: Clock) -> None:
    bob = builders.tenant("bob")
    for number in range(4):
        may.advance(seconds=1)
        receive(letter(subject=f"No {number}"), alice.mailbox.full_address)
        receive(letter(subject=f"No {number}"), bob.mailbox.full_address)
    assert intake.process_due(limit=20, now=may.now()) == 8
    assert (seen(alice.mailbox), len(seen(bob.mailbox))) == (["No 0", "No 1"], 4)
    assert [one.get("over_limit", False) for one in told(alice.mailbox, "message.received")] == [
        False,
        False,
        True,
        True,
    ]


def test_filing_asks_the_database_no_oftener_when_mail_is_withheld(alice: Tenant, may: Clock) -> None:
    def statements_for(count: int) -> int:
        for number in range(count):
            receive(letter(subject=f"{count} {number}"), alice.mailbox.full_address)
        with CaptureQueriesContext(connection) as queries:
            assert intake.process_due(limit=count, now=may.now()) == count
        return len(queries)

    assert statements_for(2) == statements_for(10) <= 10


def test_a_thread_of_withheld_mail_tells_nothing_until_it_is_unlocked(alice: Tenant, may: Clock) -> None:
    arrived(may, alice.mailbox, "One", "Two")
    [message] = arrived(may, alice.mailbox, "Three")
    thread = Thread.objects.get(messages=message)
    assert (thread.message_count, thread.participants, thread.last_message_at) == (0, [], None)
    raise_to(alice, 3, may)
    withholding.unlock(alice.account, now=may.advance(days=1))
    thread.refresh_from_db()
    assert (thread.message_count, thread.last_message_at) == (1, message.created_at)
    assert "kim@friends.example" in thread.participants


def test_an_answer_to_a_withheld_mail_stands_beside_it_when_both_are_unlocked(alice: Tenant, may: Clock) -> None:
    arrived(may, alice.mailbox, "One", "Two")
    box = alice.mailbox.full_address
    first = arrive(alice.mailbox, letter(to=box, subject="Plan", message_id="<plan@friends.example>"))
    answer = arrive(alice.mailbox, letter("In-Reply-To: <plan@friends.example>", to=box, subject="Re: Plan"))
    assert answer.thread_id == first.thread_id
    assert not answer.sender_new_to_thread


def test_an_agent_that_answers_a_withheld_mail_learns_nothing_of_its_thread(alice: Tenant, may: Clock) -> None:
    arrived(may, alice.mailbox, "One", "Two")
    withheld = arrive(alice.mailbox, letter(subject="Plan", message_id="<plan@friends.example>"))
    sent = builders.submit(alice, in_reply_to="<plan@friends.example>", now=may.now())
    assert sent.thread_id != withheld.thread_id


def test_a_raised_limit_unlocks_the_oldest_that_have_room(alice: Tenant, may: Clock) -> None:
    arrived(may, alice.mailbox, "One", "Two", "Three", "Four", "Five")
    raise_to(alice, 4, may)
    assert withholding.unlock(alice.account, now=may.now()) == 2
    assert seen(alice.mailbox) == ["One", "Two", "Three", "Four"]
    assert withholding.unlock(alice.account, now=may.now()) == 0
    assert inbound_usage.withheld_of(alice.account) == 1
    arrived(may, alice.mailbox, "Six")
    assert seen(alice.mailbox) == ["One", "Two", "Three", "Four"]
    raise_to(alice, 0, may)
    assert withholding.unlock(alice.account, now=may.now()) == 2
    assert inbound_usage.withheld_of(alice.account) == 0


def test_a_lowered_limit_withholds_nothing_that_was_shown_and_unlocks_nothing(alice: Tenant, may: Clock) -> None:
    arrived(may, alice.mailbox, "One", "Two", "Three")
    raise_to(alice, 1, may)
    assert withholding.unlock(alice.account, now=may.now()) == 0
    assert seen(alice.mailbox) == ["One", "Two"]


def test_each_unlocked_mail_is_told_once_and_counted_in_the_month_of_its_arrival(alice: Tenant, may: Clock) -> None:
    *_, third = arrived(may, alice.mailbox, "One", "Two", "Three")
    may.set(JUNE)
    assert withholding.unlock_due(now=may.now()) == 1
    assert withholding.unlock_due(now=may.now()) == 0
    ids = {"message_id": str(third.pk), "mailbox_id": str(alice.mailbox.pk), "thread_id": str(third.thread_id)}
    assert told(alice.mailbox, "message.unlocked") == [ids]
    assert len(told(alice.mailbox, "message.received")) == 3
    assert inbound_usage.find(alice.account, now=JUNE).current == 0
    assert inbound_usage.find(alice.account, now=MAY).current == 3
    third.refresh_from_db()
    assert (third.withheld_at, third.unlocked_at) == (None, JUNE)
    assert arrived(may, alice.mailbox, "Four")[0].withheld_at is None


def test_the_month_is_that_of_arrival_when_a_mail_is_filed_later(alice: Tenant, may: Clock) -> None:
    arrived(may, alice.mailbox, "One", "Two")
    may.advance(seconds=1)
    receive(letter(subject="Late"), alice.mailbox.full_address)
    may.set(JUNE)
    assert intake.process_due(limit=10, now=JUNE) == 1
    assert seen(alice.mailbox) == ["One", "Two", "Late"]
    assert inbound_usage.find(alice.account, now=JUNE).current == 0
    assert inbound_usage.find(alice.account, now=MAY).current == 3


def test_mail_of_two_days_and_two_months_is_counted_where_it_belongs(alice: Tenant, may: Clock) -> None:
    may.set(datetime(2036, 5, 31, 23, 59, 59, tzinfo=UTC))
    for subject in ("May", "Also May", "Too much for May"):
        receive(letter(subject=subject), alice.mailbox.full_address)
    may.set(JUNE)
    for subject in ("June", "Also June", "Too much for June"):
        receive(letter(subject=subject), alice.mailbox.full_address)
    assert intake.process_due(limit=10, now=JUNE) == 6
    withheld = Message.objects.filter(withheld_at__isnull=False)
    assert [message.subject for message in withheld] == ["Too much for June"]
    assert [inbound_usage.find(alice.account, now=moment).current for moment in (MAY, JUNE)] == [3, 3]


def test_only_accounts_with_something_to_unlock_are_looked_at(
    alice: Tenant, may: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, carol = (builders.tenant(name) for name in ("bob", "carol"))
    for owner in (bob, carol):
        builders.limit(owner.account, LimitKind.MONTHLY_INBOUND, 1)
        arrived(may, owner.mailbox, "One", "Two")
    arrived(may, alice.mailbox, "One")
    raise_to(carol, 2, may)
    looked_at = []

    def look(account: Account, *, now: datetime) -> int:
        looked_at.append(account)
        return 0

    monkeypatch.setattr(withholding, "unlock", look)
    withholding.unlock_due(now=may.now())
    assert looked_at == [carol.account]


def test_a_defect_in_one_account_keeps_no_other_from_its_mail(
    alice: Tenant, may: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = builders.tenant("bob")
    builders.limit(bob.account, LimitKind.MONTHLY_INBOUND, 2)
    for owner in (alice, bob):
        arrived(may, owner.mailbox, "One", "Two", "Three")
    unlock = withholding.unlock

    def broken(account: Account, *, now: datetime) -> int:
        if account == min(alice.account, bob.account, key=lambda one: one.pk):
            raise RuntimeError("a defect of ours")
        return unlock(account, now=now)

    monkeypatch.setattr(withholding, "unlock", broken)
    assert withholding.unlock_due(now=JUNE) == 1


def test_many_are_unlocked_in_batches_and_each_once(alice: Tenant, may: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived(may, alice.mailbox, *(f"No {number}" for number in range(7)))
    monkeypatch.setattr(withholding, "BATCH", 2)
    assert withholding.unlock(alice.account, now=JUNE) == 5
    assert len(told(alice.mailbox, "message.unlocked")) == 5
    assert seen(alice.mailbox) == [f"No {number}" for number in range(7)]


def test_what_a_crash_left_locked_is_unlocked_by_the_next_sweep(
    alice: Tenant, may: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived(may, alice.mailbox, *(f"No {number}" for number in range(6)))
    monkeypatch.setattr(withholding, "BATCH", 2)
    calls = iter([threads.show])
    with monkeypatch.context() as broken:
        broken.setattr(threads, "show", lambda messages: next(calls, _crash)(messages))
        with pytest.raises(RuntimeError):
            withholding.unlock(alice.account, now=JUNE)
    assert len(told(alice.mailbox, "message.unlocked")) == inbound_usage.withheld_of(alice.account) == 2
    assert withholding.unlock_due(now=JUNE) == 2
    assert len(told(alice.mailbox, "message.unlocked")) == 4


def test_withheld_mail_of_a_deleted_mailbox_stays_as_it_is_and_takes_no_room(alice: Tenant, may: Clock) -> None:
    second = mailbox.create(
        alice.account, mailbox.NewMailbox(address="second", domain=alice.mailbox.domain), now=may.now()
    )
    arrived(may, alice.mailbox, "One", "Two")
    arrived(may, second, "Three")
    arrived(may, alice.mailbox, "Four")
    mailbox.delete(second, by="test", now=may.now())
    assert inbound_usage.withheld_of(alice.account) == 1
    raise_to(alice, 3, may)
    assert withholding.unlock_due(now=may.now()) == 1
    assert seen(alice.mailbox) == ["One", "Two", "Four"]
    assert told(second, "message.unlocked") == []
    assert withholding.unlock_due(now=JUNE) == 0


def test_the_change_of_a_limit_wakes_who_unlocks(alice: Tenant, may: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(wakeup, "ring", rung.append)
    raise_to(alice, 5, may)
    assert rung == [wakeup.UNLOCK_WITHHELD]


def test_mail_to_the_platform_itself_is_never_withheld(may: Clock) -> None:
    account = accounts.platform().account
    builders.limit(account, LimitKind.MONTHLY_INBOUND, 1)
    arrivals = [inbound_usage.Arrival(account.pk, may.now())] * 3
    assert inbound_usage.count(account, arrivals, now=may.now()) == [False, False, False]


def test_reports_count_for_no_month(alice: Tenant, may: Clock) -> None:
    receive(letter(), "postmaster@agents.example")
    assert intake.process_due(limit=10, now=may.now()) == 1
    assert inbound_usage.find(alice.account, now=may.now()).current == 0


def _crash(_: object) -> None:
    raise RuntimeError("the process died here")
