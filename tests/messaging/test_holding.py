"""Mail for a paused mailbox is taken and held unread, and filed in the order of its arrival once it is active again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from config.doctor.mail import check_intake
from config.invariants import check_all
from mailboxes import clock, inbound_usage, mailbox, suspensions
from mailboxes.models import Event, LimitKind, Mailbox, MailboxStatus
from messaging import wakeup
from messaging.inbound import claims, holding, intake
from messaging.models import Message, RawMessage
from messaging.visibility import visible
from tests import builders
from tests.arrivals import arrive, receive
from tests.builders import Tenant
from tests.letters import letter
from tests.messaging.test_intake_batches import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def set_status(box: Mailbox, status: str) -> None:
    mailbox.change(box, status=status, now=clock.now())


def held() -> list[RawMessage]:
    return list(RawMessage.objects.filter(processed_at__isnull=True, due_at__isnull=True))


def seen(box: Mailbox) -> list[str]:
    return list(visible(box).order_by("created_at", "received_at").values_list("subject", flat=True))


def process() -> int:
    return intake.process_due(limit=10, now=clock.now())


def test_mail_that_comes_while_the_mailbox_is_paused_is_held_and_nobody_hears_of_it(alice: Tenant) -> None:
    set_status(alice.mailbox, "PAUSED")
    row = receive(letter(), alice.mailbox.full_address)
    assert held() == [row]
    assert process() == 0
    assert not Message.objects.filter(mailbox=alice.mailbox).exists()
    assert not Event.objects.filter(kind="message.received").exists()
    assert inbound_usage.find(alice.account, now=clock.now()).current == 0


def test_mail_that_came_just_before_the_pause_is_held_too(alice: Tenant) -> None:
    row = receive(letter(), alice.mailbox.full_address)
    set_status(alice.mailbox, "PAUSED")
    assert held() == [row]


def test_held_mail_is_filed_in_the_order_of_its_arrival_and_announced_when_the_mailbox_is_active(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_status(alice.mailbox, "PAUSED")
    rows = [receive(letter(subject=f"No {number}"), alice.mailbox.full_address) for number in range(3)]
    rung: list[str] = []
    monkeypatch.setattr(wakeup, "ring", rung.append)
    set_status(alice.mailbox, "ACTIVE")
    assert rung == [wakeup.PROCESS_INTAKE]
    assert process() == 3
    assert seen(alice.mailbox) == ["No 0", "No 1", "No 2"]
    told = Event.objects.filter(mailbox_id=alice.mailbox.pk, kind="message.received").order_by("seq")
    assert [Message.objects.get(pk=event.subject).subject for event in told] == ["No 0", "No 1", "No 2"]
    messages = Message.objects.filter(mailbox=alice.mailbox).order_by("received_at")
    assert [message.received_at for message in messages] == [row.received_at for row in rows]


def test_held_mail_is_listed_as_new_when_it_is_filed(alice: Tenant) -> None:
    # An agent that polls with `since` would else never see it.
    set_status(alice.mailbox, "PAUSED")
    receive(letter(), alice.mailbox.full_address)
    set_status(alice.mailbox, "ACTIVE")
    before = clock.now()
    process()
    message = Message.objects.get(mailbox=alice.mailbox)
    assert message.received_at is not None
    assert message.received_at < before <= message.created_at


def test_mail_that_failed_before_the_pause_is_held_and_tried_again_after_it(alice: Tenant) -> None:
    receive(letter(), alice.mailbox.full_address)
    with refused(lambda message: True):
        assert process() == 0
    set_status(alice.mailbox, "PAUSED")
    [row] = held()
    claims.put_off(row, now=clock.now())
    assert held() == [row]
    set_status(alice.mailbox, "ACTIVE")
    assert process() == 1


def test_a_worker_that_meets_a_mailbox_paused_meanwhile_leaves_its_mail_held(alice: Tenant) -> None:
    row = receive(letter(), alice.mailbox.full_address)
    with claims.claimed(limit=10, now=clock.now()) as rows:
        assert rows == [row]
        set_status(alice.mailbox, "PAUSED")
        assert not intake.process(row, now=clock.now())
        claims.put_off(row, now=clock.now())
    [still] = held()
    assert still.failures_count == 0


def test_held_mail_of_a_mailbox_that_is_deleted_is_kept_and_nobodys(alice: Tenant) -> None:
    set_status(alice.mailbox, "PAUSED")
    row = receive(letter(), alice.mailbox.full_address)
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert held() == []
    assert process() == 1
    row.refresh_from_db()
    assert (row.message, row.processed_at is None) == (None, False)


@pytest.mark.parametrize(("status", "count"), [("ACTIVE", 0), ("PAUSED", 1), ("SUSPENDED", 0)])
def test_the_sweep_follows_a_status_that_was_written_past_the_verbs(alice: Tenant, status: str, count: int) -> None:
    other = MailboxStatus.ACTIVE if status == "PAUSED" else MailboxStatus.PAUSED
    Mailbox.objects.filter(pk=alice.mailbox.pk).update(status=other)
    receive(letter(), alice.mailbox.full_address)
    Mailbox.objects.filter(pk=alice.mailbox.pk).update(status=status)
    assert holding.settle() == 1 - count
    assert len(held()) == count
    assert holding.settle() == 0
    assert process() == 1 - count


def test_other_mailboxes_go_on_receiving_beside_a_paused_one(alice: Tenant) -> None:
    bob = builders.tenant("bob")
    set_status(alice.mailbox, "PAUSED")
    for owner in (alice, bob):
        receive(letter(), owner.mailbox.full_address)
    assert process() == 1
    assert (seen(alice.mailbox), len(seen(bob.mailbox))) == ([], 1)


def test_a_suspended_account_goes_on_receiving(alice: Tenant) -> None:
    suspensions.suspend(alice.account, reason="unpaid", by="test", now=clock.now())
    arrive(alice.mailbox)
    assert len(seen(alice.mailbox)) == 1


def test_held_mail_is_no_ailment_however_long_it_waits(alice: Tenant) -> None:
    set_status(alice.mailbox, "PAUSED")
    row = receive(letter(), alice.mailbox.full_address)
    RawMessage.objects.filter(pk=row.pk).update(received_at=clock.now() - timedelta(days=40))
    assert check_intake() == "everything received was read"
    assert [result.invariant.id for result in check_all() if not result.holds] == []


def test_held_mail_counts_for_the_month_in_which_it_came(alice: Tenant) -> None:
    builders.limit(alice.account, LimitKind.MONTHLY_INBOUND, 1)
    set_status(alice.mailbox, "PAUSED")
    rows = [receive(letter(subject=f"No {number}"), alice.mailbox.full_address) for number in range(3)]
    last_month = clock.now().replace(day=1) - timedelta(days=1)
    RawMessage.objects.filter(pk__in=[row.pk for row in rows[:2]]).update(received_at=last_month)
    set_status(alice.mailbox, "ACTIVE")
    assert process() == 3
    assert len(seen(alice.mailbox)) == 3
    assert inbound_usage.find(alice.account, now=clock.now()).current == 1
    assert inbound_usage.find(alice.account, now=last_month).current == 2


def test_the_worker_does_not_walk_past_held_mail_to_find_what_is_due(alice: Tenant) -> None:
    bob = builders.tenant("bob")
    set_status(alice.mailbox, "PAUSED")
    for number in range(30):
        receive(letter(subject=f"No {number}"), alice.mailbox.full_address)
    receive(letter(), bob.mailbox.full_address)
    with connection.cursor() as cursor:
        for other_way in ("seqscan", "bitmapscan", "sort"):  # whatever the statistics say just now
            cursor.execute(f"SET LOCAL enable_{other_way} = off")
        cursor.execute(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id FROM messaging_rawmessage"
            " WHERE processed_at IS NULL AND due_at <= now() ORDER BY due_at, id LIMIT 10"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "raw_message_due" in plan
    assert "Rows Removed" not in plan
