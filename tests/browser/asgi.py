"""The server under test: the real application, with a clock that the test can set forward."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from config.asgi import application
from mailboxes import clock

__all__ = ["application"]

_ahead = Path(os.environ["GATEPOST_TEST_CLOCK"])
_true_now = clock.now


def _now() -> datetime:
    return _true_now() + timedelta(seconds=float(_ahead.read_text()))


clock.now = _now
