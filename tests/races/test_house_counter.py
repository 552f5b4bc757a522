"""The house's own counter of events is the last that a transaction locks: nobody who holds it waits for a tenant's."""

from __future__ import annotations

import threading
from datetime import datetime
from uuid import UUID

import pytest
from django.db import connection, transaction

from mailboxes import accounts, clock, events
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.outbound import dispatch
from messaging.webhooks import endpoints
from oversight import due_notices
from tests import builders
from tests.builders import Tenant
from tests.chaos.processes import until
from tests.races.harness import LONG, PATIENCE, crowd

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

# By the number of the command within the transaction: ids have no order within a millisecond.
AS_WRITTEN = "SELECT account_id FROM mailboxes_event WHERE kind = 'message.sent' ORDER BY cmin::text::int"


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def note(account_id: UUID, *, now: datetime) -> None:
    events.record(account_id, "account.welcome_noted", subject=str(account_id), data={}, now=now)


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def test_who_mails_within_an_accounts_transaction_and_a_worker_with_both_do_not_wait_for_one_another(
    alice: Tenant,
) -> None:
    """As a code of the ladder is mailed while a batch of sends of the house and of its account is written down."""
    house, now = accounts.platform().account, clock.now()
    assert house.pk < alice.account.pk, "by their ids alone the worker would begin with the house"
    has_account = threading.Event()

    def ask() -> None:
        with transaction.atomic():
            note(alice.account.pk, now=now)
            has_account.set()
            until(is_somebody_waiting, "the worker comes to the account's counter")
            note(house.pk, now=now)

    def work() -> None:
        assert has_account.wait(PATIENCE)
        with transaction.atomic():
            for account_id in events.in_lock_order([house.pk, alice.account.pk]):
                note(account_id, now=now)

    with crowd(2) as people:
        people.race([ask, work])
    assert Event.objects.filter(kind="account.welcome_noted").count() == 4


def test_a_batch_of_sends_is_written_down_with_the_house_last(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.outbound.answers.PATIENCE", LONG)  # one transaction, however slow the machine is
    due_notices.send_due(now=clock.now())
    free = builders.tenant("free", mode=OversightMode.AUTONOMOUS)
    builders.submit(free)
    due_notices.send_due(now=clock.now())
    dispatch.drain()
    with connection.cursor() as cursor:
        cursor.execute(AS_WRITTEN)
        sent = [account_id for (account_id,) in cursor.fetchall()]
    house = accounts.platform().account.pk
    assert {house, free.account.pk} == set(sent)
    assert sent.index(free.account.pk) < sent.index(house), "the house came first"


@pytest.mark.parametrize("kind", ["webhook.failed", "account.verification_requested"])
def test_what_the_house_tells_touches_no_counter_of_its_own_until_the_sweep(kind: str, alice: Tenant) -> None:
    due_notices.send_due(now=clock.now())
    house = accounts.platform().account
    before = Event.objects.filter(account=house).count()
    if kind == "webhook.failed":
        endpoint, _ = builders.webhook(alice)
        told = {"failures": 10, "since": None, "response_status": 503, "code": ""}
        endpoints.record(endpoint, kind, by="platform", now=clock.now(), **told)
    else:
        builders.tenant("dana", is_verified=False)
    assert Event.objects.filter(account=house).count() == before
    assert due_notices.send_due(now=clock.now()) == 1
    assert Event.objects.filter(account=house).count() > before
    assert due_notices.send_due(now=clock.now()) == 0, "told twice"


def test_a_word_that_four_workers_send_at_once_is_mailed_once() -> None:
    builders.tenant("dana", is_verified=False)
    with crowd(4) as people:
        sent = people.race([lambda: due_notices.send_due(now=clock.now())] * 4)
    assert sum(int(str(one)) for one in sent) == 1
