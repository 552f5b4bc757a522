"""Keys that were good a moment ago: an agent's principal by its key's digest, so that not every request looks it up.

How long a change of a key may go unseen, in a process that remembers: nothing in the process that made the change;
elsewhere until the database's NOTIFY arrives (a few milliseconds); at most KEY_CACHE_SECONDS where it is lost. That is
for reading only: a send looks at its key again in the transaction that accepts (`oversight.sender`), and whatever else
changes something looks it up each time.

Decide keys are never remembered, nor a key that is bound to addresses, so that each request with it is compared with
the list as it stands; nor is a key that is no good: whoever guesses fills nothing.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.db import connection, transaction

from .principals import Principal

CHANNEL = "gatepost_keys"
MOST = 1000
LISTEN_SECONDS = RECONNECT_SECONDS = 1.0

log = structlog.get_logger(__name__)


class KnownKeys:
    """A bounded memory of one process. `forget` empties it, also of what is being looked up at that moment."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Principal, float]] = {}
        self._lock = threading.Lock()
        self._times_forgotten = 0

    @property
    def times_forgotten(self) -> int:
        """Read it before a look-up, and give it to `remember` after it."""
        return self._times_forgotten

    def find(self, digest: str) -> Principal | None:
        found = self._known.get(digest)
        return found[0] if found is not None and time.monotonic() < found[1] else None

    def remember(self, digest: str, principal: Principal, *, now: datetime, times_forgotten: int) -> None:
        """Keep the principal for KEY_CACHE_SECONDS, or until its key expires if that is sooner."""
        seconds, key = float(settings.KEY_CACHE_SECONDS), principal.key
        if key is not None and key.expires_at is not None:
            seconds = min(seconds, (key.expires_at - now) / timedelta(seconds=1))
        if principal.agent is None or seconds <= 0 or (key is not None and key.ip_allowlist):
            return
        with self._lock:
            if self._times_forgotten != times_forgotten:
                return  # looked up before a change, remembered after it: that would outlive the change
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[digest] = (principal, time.monotonic() + seconds)
        listener.ensure_running()

    def forget(self) -> None:
        with self._lock:
            self._known.clear()
            self._times_forgotten += 1


class Listener:
    """A thread that hears the database say that keys changed, by a connection of its own."""

    def __init__(self, known: KnownKeys) -> None:
        self._known = known
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closing = False

    def ensure_running(self) -> None:
        """Start it once per process; a process that was forked starts its own."""
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._is_closing = False
                    parameters = connection.get_connection_params()
                    self._thread = threading.Thread(
                        target=self._listen, args=(parameters,), name="known-keys", daemon=True
                    )
                    self._thread.start()

    def close(self) -> None:
        """Stop listening; for tests, which remove their database."""
        self._is_closing = True
        if self._thread is not None:
            self._thread.join(5 * LISTEN_SECONDS)

    def _listen(self, parameters: dict[str, Any]) -> None:
        while not self._is_closing:
            try:
                self._hear(parameters)
            except psycopg.Error as error:
                if not self._is_closing:
                    log.warning("known_keys.deaf", error=str(error))
                    time.sleep(RECONNECT_SECONDS)

    def _hear(self, parameters: dict[str, Any]) -> None:
        with psycopg.connect(**parameters, autocommit=True) as ear:
            ear.execute(f"LISTEN {CHANNEL}")
            self._known.forget()  # what changed while nobody listened
            while not self._is_closing:
                for _ in ear.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                    self._known.forget()


known = KnownKeys()
listener = Listener(known)


def forget_on_commit() -> None:
    """This process forgets as soon as the caller's change is committed; the others hear of it by triggers."""
    transaction.on_commit(known.forget)
