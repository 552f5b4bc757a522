"""A broker that is gone or hangs costs a sweep seconds, never the mail."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery
from django.core.cache import cache
from pytest_django import Settings

from config.beat import DONE_HERE, Scheduler
from config.celery import app
from config.heartbeat import HEARTBEAT, HEARTBEAT_TASK
from messaging import ringing, silence
from messaging.events import doorbell
from messaging.silence import Silence
from messaging.wakeup import DRAIN_OUTBOX, PROCESS_INTAKE

HANGS = {"socket_connect_timeout": 1, "socket_timeout": 1}
PATIENCE = 60


@pytest.fixture(autouse=True)
def sending_host(settings: Settings, tmp_path: Path) -> None:
    settings.EPOCH_FILE = tmp_path / "sent-before"
    settings.EPOCH_FILE.touch()


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Path]:
    """A broker that takes every connection and says nothing."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "hung.sock"))
        server.listen(50)
        yield tmp_path / "hung.sock"


class Sweeper:
    """A Celery application with one sweep; how often it was done in this process."""

    def __init__(self, broker: str, folder: Path) -> None:
        self.app = Celery("sweeper", broker=broker, set_as_current=False)
        self.app.conf.broker_transport_options = HANGS
        self.done: list[str] = []

        def sweep() -> None:
            self.done.append("sweep")

        self.app.task(name="sweep", shared=False)(sweep)
        self.app.finalize()
        self.app.conf.beat_schedule = {
            name: {"task": name, "schedule": 5.0, "options": {"retry": False}} for name in ("sweep", HEARTBEAT_TASK)
        }
        self.scheduler = Scheduler(app=self.app, schedule_filename=str(folder / "schedule"))

    def tick(self) -> None:
        """Send both as beat does."""
        for name in ("sweep", HEARTBEAT_TASK):
            self.scheduler.apply_entry(self.scheduler.schedule[name], producer=self.scheduler.producer)


def test_a_broker_that_answers_is_sent_the_sweeps(tmp_path: Path) -> None:
    sweeper = Sweeper("memory://", tmp_path)
    sweeper.tick()
    assert sweeper.done == []


def test_what_dead_workers_held_does_not_wait_in_line_behind_the_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DONE_HERE in {entry["task"] for entry in app.conf.beat_schedule.values()}
    monkeypatch.setattr("config.beat.DONE_HERE", "sweep")
    sweeper = Sweeper("memory://", tmp_path)
    sweeper.tick()
    assert sweeper.done == ["sweep"]


def test_rings_for_the_outbox_pile_up_in_a_line_that_workers_serve_beside_the_other() -> None:
    routes = {name: app.amqp.router.route({}, name)["queue"].name for name in (DRAIN_OUTBOX, PROCESS_INTAKE, DONE_HERE)}
    assert routes == {DRAIN_OUTBOX: "outbox", PROCESS_INTAKE: "celery", DONE_HERE: "celery"}
    assert set(app.amqp.queues.consume_from) == {"celery", "outbox"}


def test_beat_does_the_sweeps_itself_while_the_broker_is_away(tmp_path: Path) -> None:
    cache.clear()
    sweeper = Sweeper(f"redis+socket://{tmp_path}/nobody.sock", tmp_path)
    sweeper.tick()
    sweeper.tick()
    assert sweeper.done == ["sweep", "sweep"]
    assert cache.get(HEARTBEAT) is None  # beat is no worker


def test_beat_sends_nothing_from_a_host_that_never_sent(settings: Settings, tmp_path: Path) -> None:
    settings.EPOCH_FILE = tmp_path / "epoch"
    sweeper = Sweeper(f"redis+socket://{tmp_path}/nobody.sock", tmp_path)
    sweeper.tick()
    assert sweeper.done == []


def test_a_broker_that_hangs_is_asked_once_in_a_while_only(
    tmp_path: Path, hung: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(silence, "LEFT_ALONE_FOR", 3600)
    sweeper = Sweeper(f"redis+socket://{hung}", tmp_path)
    sweeper.tick()
    sweeper.tick()
    assert caplog.text.count("beat.broker_silent") == 1
    assert sweeper.done == ["sweep", "sweep"]


def test_a_doorbell_that_nobody_hears_is_left_alone_for_a_while(
    settings: Settings, hung: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    layer = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": layer, "CONFIG": {"hosts": [f"unix://{hung}"]}}}
    monkeypatch.setattr(doorbell, "_silence", Silence())
    monkeypatch.setattr(silence, "LEFT_ALONE_FOR", 3600)
    monkeypatch.setattr(ringing, "RING_SECONDS", 0.3)
    until = time.monotonic() + PATIENCE
    while "doorbell.lost" not in caplog.text and time.monotonic() < until:
        doorbell.ring(uuid4())
        time.sleep(0.1)
    for _ in range(15):
        doorbell.ring(uuid4())
        time.sleep(0.1)
    assert caplog.text.count("doorbell.lost") == 1
