"""Named places where a test may break the program. Nothing happens in production: the deploy check refuses FAULTPOINTS.

`FAULTPOINTS` is `name=kind[@n][,…]`; with `@n` the fault strikes at the nth time that a process comes by, else at each.
Kinds: `kill` (signal 9), `raise`, `drop` (this thread's connection to the database is cut), `stall:<seconds>` (of this
thread), `stop` (the whole process stands still until somebody sends SIGCONT, who may cut its other connections then).
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter

import structlog
from django.conf import settings
from django.db import connection, transaction

log = structlog.get_logger(__name__)

_reached: Counter[str] = Counter()
_counting = threading.Lock()


class FaultInjected(Exception):
    """Raised by a fault point of kind `raise`."""


def faultpoint_after_commit(name: str) -> None:
    """A fault point that is reached when the outermost transaction has committed."""
    if settings.FAULTPOINTS:
        transaction.on_commit(lambda: faultpoint(name))


def faultpoint(name: str, *, cable: int | None = None) -> None:
    """Do what FAULTPOINTS says of `name`; nothing, when it is silent.

    `cable` is the socket of the connection that `drop` cuts, where it is not Django's own.
    """
    planned = settings.FAULTPOINTS
    if not planned:
        return
    kind, _, nth = dict(item.split("=", 1) for item in planned.split(",")).get(name, "").partition("@")
    if not kind or (nth and int(nth) != _times_reached(name)):
        return
    # Told first, so that whoever reads the log of a killed process knows that it was this.
    log.warning("faultpoint.struck", point=name, kind=kind)
    kind, _, argument = kind.partition(":")
    if kind == "drop":
        _drop_database_connection(cable)
    else:
        _strike(name, kind, argument)


def _times_reached(name: str) -> int:
    with _counting:
        _reached[name] += 1
        return _reached[name]


def _strike(name: str, kind: str, argument: str) -> None:
    match kind:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "raise":
            raise FaultInjected(name)
        case "stall":
            time.sleep(float(argument or 30))


def _drop_database_connection(cable: int | None) -> None:
    """As a cut cable does: neither side is told, each finds the other gone."""
    if cable is None and connection.connection is not None:
        cable = connection.connection.fileno()
    if cable is not None:
        with socket.socket(fileno=os.dup(cable)) as cut:
            cut.shutdown(socket.SHUT_RDWR)
