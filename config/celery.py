"""The Celery application. Tasks only wake: the work is rows, and what a lost wake-up left a sweep finds."""

import os
import signal
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_shutting_down

from config.embedded.process import die_with_parent
from config.heartbeat import BEATS_EVERY
from messaging import shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")

# name -> {"task": "messaging.sweep_outbox", "schedule": 5.0, "options": {"expires": 5.0}}
# Every sweep expires with its period, so that a sleeping worker does not wake to a thousand of them.
app.conf.beat_schedule = {
    "sweep outbox": {"task": "messaging.drain_outbox", "schedule": 5.0, "options": {"expires": 5.0}},
    "take back overdue": {"task": "messaging.take_back_overdue", "schedule": 30.0, "options": {"expires": 30.0}},
    "expire reviews": {"task": "oversight.expire_reviews", "schedule": 10.0, "options": {"expires": 10.0}},
    "cancel departed": {"task": "oversight.cancel_departed", "schedule": 10.0, "options": {"expires": 10.0}},
    "forget old answers": {
        "task": "oversight.forget_old_answers",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    "process intake": {"task": "messaging.process_intake", "schedule": 5.0, "options": {"expires": 5.0}},
    "heartbeat": {"task": "config.heartbeat", "schedule": BEATS_EVERY, "options": {"expires": BEATS_EVERY}},
}


@setup_logging.connect
def _keep_djangos_logging(**_kwargs: Any) -> None:
    """Celery configures nothing when somebody listens to this signal."""


@worker_process_init.connect
def _die_with_worker(**_kwargs: Any) -> None:
    # A worker killed with signal 9 leaves its pool waiting on pipes for ever.
    die_with_parent(signal.SIGKILL)


@worker_shutting_down.connect
def _end_in_good_order(**_kwargs: Any) -> None:
    # Heard in the parent only; its pool sees it in shared memory and begins nothing new.
    shutdown.ask()
