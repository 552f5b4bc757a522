"""Doorbells and sweeps of the outbox."""

from __future__ import annotations

import pytest
from celery import current_app

from config.celery import app
from messaging import shutdown, wakeup
from messaging.models import Status
from messaging.outbound import dispatch
from tests import builders
from tests.builders import Tenant
from tests.messaging.outbound import alice as alice


def test_every_doorbell_has_a_task() -> None:
    assert {wakeup.DRAIN_OUTBOX, wakeup.PROCESS_INTAKE} <= set(current_app.tasks)


def test_every_sweep_names_a_task_and_expires_but_not_by_an_hour_of_wrong_clock() -> None:
    for sweep in app.conf.beat_schedule.values():
        assert sweep["task"] in app.tasks
        assert 3600 < sweep["options"]["expires"] <= 7200


def test_the_outbox_is_swept_every_five_seconds_and_leases_every_thirty() -> None:
    periods = {sweep["task"]: sweep["schedule"] for sweep in app.conf.beat_schedule.values()}
    assert periods[wakeup.DRAIN_OUTBOX] <= 5
    assert periods["messaging.take_back_overdue"] <= 30


@pytest.mark.django_db
def test_a_lost_doorbell_costs_nothing_but_time(alice: Tenant) -> None:
    message = builders.submit(alice)
    app.tasks[wakeup.DRAIN_OUTBOX].apply()
    message.refresh_from_db()
    assert message.status == Status.SENT


@pytest.mark.django_db
def test_nothing_is_claimed_when_the_worker_is_to_end(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    message = builders.submit(alice)
    monkeypatch.setattr(shutdown, "is_asked", lambda: True)
    assert dispatch.drain() == 0
    message.refresh_from_db()
    assert message.status == Status.QUEUED


@pytest.mark.django_db
def test_a_long_outbox_is_emptied_by_successors(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(wakeup, "ring", rung.append)
    for _ in range(3):
        builders.submit(alice)
    rung.clear()
    assert dispatch.drain(batch=2, busy_for=0) == 2
    assert rung == [wakeup.DRAIN_OUTBOX]
    assert dispatch.drain() == 1
