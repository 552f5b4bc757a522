"""Beat that does the sweeps itself while the broker takes none: a doorbell that is gone must not stop the mail.

One sweep it does itself always: what dead workers held must not wait in line behind the mail of those that live.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery.beat import PersistentScheduler, ScheduleEntry, SchedulingError
from django.db import close_old_connections
from kombu.exceptions import KombuError

from config.heartbeat import HEARTBEAT_TASK
from mailboxes import epoch_file
from messaging.silence import Silence

log = structlog.get_logger(__name__)

DONE_HERE = "messaging.take_back_overdue"


class Scheduler(PersistentScheduler):
    """Celery's own, with `apply_async` that falls back to this very process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._silence = Silence()
        super().__init__(*args, **kwargs)

    def apply_async(
        self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> object | None:
        """Send the sweep to a worker; do it here when the broker does not take it."""
        is_ours = entry.task == DONE_HERE and epoch_file.path().exists()
        if not is_ours and not self._silence.is_kept():
            try:
                sent: object = super().apply_async(entry, producer=producer, advance=advance, **kwargs)
                return sent
            except SchedulingError as error:
                log.warning("beat.broker_silent", error=str(error))
                self._silence.begin()
        self._do_here(entry)
        return None

    def _ensure_connected(self) -> object:
        # Celery would wait for the broker here, and tick no more until it is back.
        connection = self.connection
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=2)
        except (OSError, KombuError) as error:
            log.warning("beat.broker_away", error=str(error))
        return connection

    def _do_here(self, entry: ScheduleEntry) -> None:
        if entry.task == HEARTBEAT_TASK:
            return  # a sign of life of the worker, which is kept in the broker's house
        if not epoch_file.path().exists():
            # Nothing has ever been sent from this host; to begin with it now would look like a restored backup.
            log.warning("beat.sends_nothing", task=entry.task, missing=str(epoch_file.path()))
            return
        try:
            self.app.tasks[str(entry.task)].apply()
        finally:
            close_old_connections()
