"""Named places where a test may break the program (kill, raise, stall). Nothing happens in production.

`FAULTPOINTS` is `name=kind[,name=kind…]` with kind `kill`, `raise` or `stall:<seconds>`; the deploy check refuses it.
"""

from __future__ import annotations

import os
import signal
import time

from django.conf import settings
from django.db import transaction


class FaultInjected(Exception):
    """Raised by a fault point of kind `raise`."""


def faultpoint_after_commit(name: str) -> None:
    """A fault point that is reached when the outermost transaction has committed."""
    if settings.FAULTPOINTS:
        transaction.on_commit(lambda: faultpoint(name))


def faultpoint(name: str) -> None:
    """Do what FAULTPOINTS says of `name`; nothing, when it is silent."""
    planned = settings.FAULTPOINTS
    if not planned:
        return
    kind, _, argument = dict(item.split("=", 1) for item in planned.split(",")).get(name, "").partition(":")
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "raise":
        raise FaultInjected(name)
    elif kind == "stall":
        time.sleep(float(argument or 30))
