"""GET /health/live: the process answers. GET /health/ready: what it needs answers too."""

from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, JsonResponse
from django.urls import path
from redis.exceptions import RedisError

from config.heartbeat import HEARTBEAT
from mailboxes import access_log, epoch, stops
from mailboxes.clock import now
from mailboxes.models import MailboxStatus, Stop
from mailboxes.modes import OversightMode
from messaging.models.message import DUE_STATES, Recipient

# A sweep comes every 5 s; what is due for so long, nobody takes.
OVERDUE_SECONDS = 120


def live(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """200 when all is well, else 503; either way which of the checks is not."""
    checks = {"database": _check_database()} | _check_worker() | _check_oldest_due() | _check_sending()
    checks |= _tell_access_log()
    is_ready = all(check["ok"] for check in checks.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks}, status=200 if is_ready else 503
    )


def _check_database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return {"ok": False}
    return {"ok": True}


def _check_worker() -> dict[str, dict[str, Any]]:
    try:
        beaten = cache.get(HEARTBEAT)
    except (RedisError, OSError):
        return {"broker": {"ok": False}, "worker": {"ok": False}}
    return {"broker": {"ok": True}, "worker": {"ok": beaten is not None, "lastBeat": beaten}}


def _check_oldest_due() -> dict[str, dict[str, Any]]:
    try:
        since = oldest_due()
        age = max((now() - since).total_seconds(), 0) if since else 0
    except DatabaseError:
        return {"outbox": {"ok": False}}
    return {"outbox": {"ok": age < OVERDUE_SECONDS, "oldestDueSeconds": round(age)}}


def _check_sending() -> dict[str, dict[str, Any]]:
    try:
        halt, stop = epoch.find_halt(), stops.of_everything()
    except DatabaseError:
        return {"sending": {"ok": False}}
    if halt is None and stop is None:
        return {"sending": {"ok": True}}
    if halt is None and stop is not None:  # somebody meant it
        told = {"stoppedAt": stop.stopped_at.isoformat(), "reason": stop.reason, "remedy": "manage.py go_on"}
        return {"sending": {"ok": True, **told}}
    assert halt is not None
    return {"sending": {"ok": False, "reason": halt.reason, "remedy": "manage.py confirm_restore"}}


def _tell_access_log() -> dict[str, dict[str, Any]]:
    """Calls that were not written down are told; the server is no less ready for it."""
    try:
        return {"accessLog": {"ok": True, "droppedToday": access_log.dropped()}}
    except (RedisError, OSError):
        return {"accessLog": {"ok": True, "droppedToday": None}}


def oldest_due() -> datetime | None:
    """When the recipient that waits longest for an attempt was to get it; None when the outbox is empty.

    What its own people keep back (stopped, suspended, paused, read_only) is no fault of ours.
    """
    if stops.of_everything() is not None:
        return None
    stopped = Stop.objects.filter(
        Q(subject_id=OuterRef("message__mailbox_id"))
        | Q(subject_id=OuterRef("message__agent_id"))
        | Q(subject_id=OuterRef("message__key_id")),
        resumed_at__isnull=True,
    )
    may_leave = Q(
        message__account__stopped_at__isnull=True,
        message__account__suspended_at__isnull=True,
        message__mailbox__status=MailboxStatus.ACTIVE,
        message__mailbox__deleted_at__isnull=True,
    )
    return (
        Recipient.objects.filter(may_leave, state__in=DUE_STATES, next_at__isnull=False)
        .exclude(message__mailbox__mode=OversightMode.READ_ONLY)
        .exclude(Exists(stopped))
        .order_by("next_at")
        .values_list("next_at", flat=True)
        .first()
    )


urlpatterns = [path("live", live), path("ready", ready)]
