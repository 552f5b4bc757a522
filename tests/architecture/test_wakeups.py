"""A doorbell rings at a door that exists: workers are woken by the names of tasks."""

from __future__ import annotations

from celery import current_app

from config.celery import app
from messaging import wakeup

NAMES = {name: value for name, value in vars(wakeup).items() if name.isupper() and isinstance(value, str)}


def test_every_task_that_is_woken_exists() -> None:
    current_app.loader.import_default_modules()
    assert NAMES
    assert set(NAMES.values()) - set(current_app.tasks) == set()


def test_every_sweep_in_the_timetable_exists() -> None:
    current_app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} - set(current_app.tasks) == set()
