"""Doorbells: wake a worker by the name of a task, after the commit. A lost ring is found by the sweep."""

from __future__ import annotations

import atexit

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError

from .bell import Bell
from .silence import Silence

log = structlog.get_logger(__name__)

DRAIN_OUTBOX = "messaging.drain_outbox"
PROCESS_INTAKE = "messaging.process_intake"
SWEEP_FILES = "messaging.sweep_files"
UNLOCK_WITHHELD = "messaging.unlock_withheld"

_silence = Silence()


def ring(task_name: str) -> None:
    """Wake a worker for `task_name` once the transaction is committed. Never fails the caller: rows are the truth."""
    transaction.on_commit(lambda: _bell.ring(task_name), robust=True)


def ring_now(task_name: str) -> None:
    """Wake a worker. It may wait seconds for a broker that hangs: call it from a bell's thread."""
    if _silence.is_kept():
        return
    try:
        current_app.tasks[task_name].apply_async(ignore_result=True, retry=False)
    except (OSError, KombuError) as error:
        _silence.begin()
        log.warning("wakeup.lost", task=task_name, error=str(error))


_bell = Bell(ring_now)
atexit.register(_bell.ring_out)
