"""The Celery application. Tasks only wake: the work is rows, and what a lost wake-up left a sweep finds."""

import os
import signal
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_process_init, worker_ready, worker_shutting_down
from django.conf import settings
from kombu import Queue

from config.embedded.process import die_with_parent
from config.heartbeat import BEATS_EVERY, HEARTBEAT_TASK
from messaging import shutdown
from messaging.wakeup import DRAIN_OUTBOX, UNLOCK_WITHHELD

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")

# So long a sweep waits for a worker: a worker that was away does not wake to thousands of them, and one whose clock is
# an hour off (beat's clock says when it ends) takes them still.
EXPIRES_AFTER = 2 * 3600.0


def _every(seconds: float, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": EXPIRES_AFTER, "retry": False}}


# A slow relay holds up mail and nothing else: rings for the outbox pile up in a line of their own, workers serve both
# lines in turn, and take no more than they can begin.
app.conf.task_queues = [Queue("celery"), Queue("outbox")]
app.conf.task_routes = {DRAIN_OUTBOX: {"queue": "outbox"}}
app.conf.worker_prefetch_multiplier = 1

app.conf.beat_scheduler = "config.beat:Scheduler"
app.conf.beat_schedule = {
    "sweep outbox": _every(5.0, DRAIN_OUTBOX),
    "take back overdue": _every(30.0, "messaging.take_back_overdue"),
    "expire reviews": _every(10.0, "oversight.expire_reviews"),
    "copy monitored": _every(10.0, "oversight.copy_monitored"),
    "expire returned": _every(60.0, "oversight.expire_returned"),
    "release approved": _every(2.0, "oversight.release_approved"),
    "send notices": _every(15.0, "oversight.send_notices"),
    "tell acts": _every(10.0, "oversight.tell_acts"),
    "tell people": _every(5.0, "oversight.tell_people"),
    "run batches": _every(10.0, "oversight.run_batches"),
    "run back tests": _every(10.0, "oversight.run_back_tests"),
    "cancel departed": _every(10.0, "oversight.cancel_departed"),
    "settle revoked keys": _every(5.0, "oversight.settle_revoked_keys"),
    "settle demotions": _every(5.0, "oversight.settle_demotions"),
    "look at trust": _every(3600.0, "oversight.look_at_trust"),
    "send trust notices": _every(60.0, "oversight.send_trust_notices"),
    "forget old calls": _every(3600.0, "oversight.forget_old_calls"),
    "erase departed": _every(10.0, "oversight.erase_departed"),
    "forget old answers": _every(3600.0, "oversight.forget_old_answers"),
    "judge senders": _every(30.0, "messaging.judge_senders"),
    "sweep files": _every(60.0, "messaging.sweep_files"),
    "forget unsent files": _every(3600.0, "messaging.forget_unsent_files"),
    "check domains": _every(60.0, "messaging.check_domains"),
    "process intake": _every(5.0, "messaging.process_intake"),
    "reconcile billing": _every(60.0, "billing.reconcile"),
    "unlock withheld": _every(60.0, UNLOCK_WITHHELD),
    "settle held": _every(60.0, "messaging.settle_held"),
    "forget ended secrets": _every(3600.0, "messaging.forget_ended_secrets"),
    "sign heads": _every(settings.AUDIT_HEADS_MINUTES * 60.0, "oversight.sign_heads"),
    "check audits": _every(10.0, "oversight.check_audits"),
    "heartbeat": _every(BEATS_EVERY, HEARTBEAT_TASK),
}


@setup_logging.connect
def _keep_djangos_logging(**_kwargs: Any) -> None:
    """Celery configures nothing when somebody listens to this signal."""


@beat_init.connect
@worker_ready.connect
def _say_ready(**_kwargs: Any) -> None:
    # Who restarts us waits for this line.
    print("Ready", flush=True)


@worker_process_init.connect
def _die_with_worker(**_kwargs: Any) -> None:
    # A worker killed with signal 9 leaves its pool waiting on pipes for ever.
    die_with_parent(signal.SIGKILL)


@worker_shutting_down.connect
def _end_in_good_order(**_kwargs: Any) -> None:
    # Heard in the parent only; its pool sees it in shared memory and begins nothing new.
    shutdown.ask()
