"""Writes down calls in batches, by a thread and a connection of its own: a request pays for a place in a queue.

The queue is bounded: what finds it full, because the database is away or too slow, is dropped and counted. A process
that is killed loses what came within the last FLUSH_SECONDS; one that ends in good order writes it first. Nothing is
started before the first call, and a process that was forked begins anew.
"""

from __future__ import annotations

import atexit
import hashlib
import hmac
import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils.encoding import force_bytes
from redis.exceptions import RedisError

from .ids import new_id, parse_id
from .statements import as_json

FLUSH_SECONDS = 1.0
BATCH = 500
CLOSE_SECONDS = 5.0
SALT = b"gatepost.access"
SUBJECT_LENGTH = 32
# How many calls were dropped by all processes together, told by /health/ready.
DROPPED, DROPPED_SECONDS = "access-log:dropped", 24 * 3600

# The database is away, or only reads right now; or an account went in this very moment.
LATER = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError, psycopg.IntegrityError, OSError)
# Of an account that was deleted nothing is kept any more. The clock is the database's, as everywhere.
WRITE = """
INSERT INTO mailboxes_accessentry (
    id, account_id, key_id, actor, method, route, status, milliseconds, subject, request_id, at)
SELECT call.id, a.id, call.key_id, call.actor, call.method, call.route, call.status, call.milliseconds, call.subject,
    call.request_id, clock_timestamp() - make_interval(secs => call.ago)
FROM json_to_recordset(%(calls)s::json) AS call (
    id uuid, account_id uuid, key_id uuid, actor text, method text, route text, status smallint, milliseconds integer,
    subject text, request_id text, ago double precision)
JOIN mailboxes_account a ON a.id = call.account_id AND a.departed_at IS NULL
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was seen. `named` is the last id of its address; `began` and `seconds` are of time.monotonic."""

    account_id: UUID
    key_id: UUID | None
    actor: str
    method: str
    route: str
    status: int
    began: float
    seconds: float
    named: str = ""
    request_id: str = ""


class Writer:
    """The queue and the thread of one process."""

    def __init__(self) -> None:
        self._parameters: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Nothing waits and nobody writes: at the start, and in a forked child."""
        self._lock = threading.Lock()
        self._waiting: deque[Call] = deque()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._is_closing = threading.Event()
        self._database: psycopg.Connection[Any] | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def note(self, call: Call) -> None:
        """Have the call written down soon; dropped where too many wait already."""
        if len(self._waiting) >= settings.ACCESS_LOG_WAITING:
            self._drop(1)
        else:
            self._waiting.append(call)
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def close(self) -> None:
        """Write what waits, within CLOSE_SECONDS, and stop."""
        self._is_closing.set()
        thread = self._thread
        if thread is not None:
            thread.join(CLOSE_SECONDS)
            self._thread = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._parameters = connection.get_connection_params()
                self._is_closing.clear()
                self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
                self._thread.start()

    def _drop(self, count: int) -> None:
        with self._lock:
            self._dropped += count

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_closing.wait(FLUSH_SECONDS)
            try:
                self._write_all()
            except LATER as error:
                log.warning("access_log.waits", calls=len(self._waiting), error=str(error))
                self._hang_up()
            self._tell_drops()
        self._hang_up()

    def _write_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                self._write(batch)
            except LATER:
                self._waiting.extendleft(reversed(batch))
                raise
            except Exception as error:  # a fault of ours: not again and again
                log.error("access_log.refused", calls=len(batch), error=str(error))
                self._drop(len(batch))
                self._hang_up()

    def _write(self, batch: Sequence[Call]) -> None:
        if self._database is None:
            self._database = psycopg.connect(**self._parameters, autocommit=True)
        self._database.execute(WRITE, parameters(batch))

    def _hang_up(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _tell_drops(self) -> None:
        with self._lock:
            count, self._dropped = self._dropped, 0
        if not count:
            return
        log.warning("access_log.dropped", calls=count)
        try:
            cache.add(DROPPED, 0, timeout=DROPPED_SECONDS)
            cache.incr(DROPPED, count)
        except (RedisError, OSError, ValueError):  # ValueError: evicted between the two
            self._drop(count)


def parameters(calls: Sequence[Call]) -> Mapping[str, object]:
    """What WRITE takes, at this moment."""
    now = time.monotonic()
    return {"calls": as_json([_row(call, now=now) for call in calls])}


def subject_of(named: str, *, secret: str | bytes | None = None) -> str:
    """The keyed hash of an id; empty for what is none, so that nothing else that stood in an address is kept."""
    parsed = parse_id(named)
    if parsed is None:
        return ""
    key = _key_of(settings.SECRET_KEY if secret is None else secret)
    return hmac.digest(key, parsed.bytes, "sha256").hex()[:SUBJECT_LENGTH]


@lru_cache(maxsize=8)
def _key_of(secret: str | bytes) -> bytes:
    return hashlib.sha256(SALT + force_bytes(secret)).digest()


def _row(call: Call, *, now: float) -> Mapping[str, object]:
    return {
        "id": new_id(),
        "account_id": call.account_id,
        "key_id": call.key_id,
        "actor": call.actor,
        "method": call.method,
        "route": call.route,
        "status": call.status,
        "milliseconds": round(call.seconds * 1000),
        "subject": subject_of(call.named),
        "request_id": call.request_id,
        "ago": now - call.began,
    }


writer = Writer()
# After all threads that answer have ended (a server that is asked to stop waits for them), before this one is cut off.
atexit.register(writer.close)
os.register_at_fork(after_in_child=writer.begin_anew)
