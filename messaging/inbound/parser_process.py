"""A kept child process that reads hostile mail under limits (reliability F1, F2, A31): never raises, never hangs.

One child per process of ours, started when first needed, replaced when it dies, overruns or grows old. A Popen and not
multiprocessing, because Celery's pool workers are daemonic and may have no multiprocessing children.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from messaging.mime.types import Parsed

from . import frames
from .checks import Checks, Sender

log = structlog.get_logger(__name__)

WALL_SECONDS = 10.0
START_SECONDS = 60.0
# Memory that Python does not give back counts against the limit of the next mail.
MAILS_PER_CHILD = 500
DIED = "parser_died"
ROOT = Path(__file__).resolve().parents[2]

Lookup = Callable[[str, str], Any]


class Overrun(Exception):
    """The child gave no answer. `defect` says why: limits, timeout or parser_died."""

    def __init__(self, defect: str) -> None:
        super().__init__(defect)
        self.defect = defect


def parse(raw: bytes) -> Parsed:
    """What can be read of a mail; with the defect `limits`, `timeout` or `parser_died` alone when nothing can."""
    try:
        parsed = _of_this_process().ask((frames.PARSE, raw, None))
    except Overrun as overrun:
        return Parsed(defects=(overrun.defect,))
    return parsed if isinstance(parsed, Parsed) else Parsed(defects=(DIED,))


def attachment_content(raw: bytes, index: int) -> bytes | None:
    """The bytes of one part (`ParsedAttachment.index`), or None when they can't be had."""
    try:
        content = _of_this_process().ask((frames.ATTACHMENT, raw, index))
    except Overrun:
        return None
    return content if isinstance(content, bytes) else None


def authenticate(raw: bytes, sender: Sender, *, lookup: Lookup) -> Checks | None:
    """SPF, DKIM and DMARC of a mail, or None when the child gave no answer. `lookup` asks the DNS in this process."""
    argument = (sender.peer, sender.helo, sender.envelope_sender, sender.header_from)
    try:
        checks = _of_this_process().ask((frames.AUTHENTICATE, raw, argument), lookup=lookup)
    except Overrun:
        return None
    return checks if isinstance(checks, Checks) else None


class ParserProcess:
    """The child and the pipes to it. One question at a time."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._asked = 0

    def ask(self, request: Any, *, lookup: Lookup | None = None) -> Any:
        """The child's answer to one request. Raises Overrun."""
        with self._lock:
            try:
                return self._ask_once(request, lookup=lookup)
            except Overrun as overrun:
                if overrun.defect != DIED:
                    raise
            # It may have died of something else, before this mail: a second child tells.
            return self._ask_once(request, lookup=lookup)

    def stop(self) -> None:
        """End the child, if there is one."""
        child, self._child, self._asked = self._child, None, 0
        if child is not None:
            child.kill()
            _close(child)

    def _ask_once(self, request: Any, *, lookup: Lookup | None) -> Any:
        if self._asked >= MAILS_PER_CHILD:
            self.stop()
        child = self._child or self._start()
        self._asked += 1
        return self._exchange(child, request, lookup=lookup)

    def _start(self) -> subprocess.Popen[bytes]:
        # An empty environment: no secret of ours is in reach of what the mail may do to the parser.
        child = subprocess.Popen(
            [sys.executable, "-m", "messaging.inbound.parser_child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=ROOT, env={"PYTHONUTF8": "1"}, start_new_session=True,
        )  # fmt: skip
        self._child = child
        with _Deadline(child, START_SECONDS):
            if _read(child) != frames.READY:
                log.error("parser.not_started")
                self.stop()
                raise Overrun(DIED)
        return child

    def _exchange(self, child: subprocess.Popen[bytes], request: Any, *, lookup: Lookup | None) -> Any:
        with _Deadline(child, WALL_SECONDS) as deadline:
            _write(child, request)
            kind, content = _kind_and_content(_read(child))
            while kind == frames.LOOKUP and lookup is not None:
                _write(child, lookup(*content))
                kind, content = _kind_and_content(_read(child))
        if kind == frames.ANSWER:
            return content
        self.stop()
        defect = "timeout" if deadline.is_over else _cause_of_death(child) if kind is None else "limits"
        log.warning("parser.replaced", defect=defect)
        raise Overrun(defect)


class _Deadline:
    """Kills the child when the time is over; whoever reads or writes its pipes then sees them closed."""

    def __init__(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        self._child = child
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self.is_over = False

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        self._child.kill()


_parser: ParserProcess | None = None
_making = threading.Lock()


def _of_this_process() -> ParserProcess:
    """The parser of this process: one inherited by a fork belongs to the parent and is not touched."""
    global _parser
    with _making:
        if _parser is None or _parser.owner != os.getpid():
            _parser = ParserProcess()
        return _parser


def stop() -> None:
    """End the child of this process. The next mail starts another."""
    if _parser is not None and _parser.owner == os.getpid():
        _parser.stop()


atexit.register(stop)


def _write(child: subprocess.Popen[bytes], content: Any) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError, ValueError):  # the child is gone: the read that follows says so
        frames.write(child.stdin, content)


def _read(child: subprocess.Popen[bytes]) -> Any:
    assert child.stdout is not None
    try:
        return frames.read(child.stdout)
    except frames.Broken:
        return None


def _kind_and_content(frame: Any) -> tuple[str | None, Any]:
    return frame if isinstance(frame, tuple) and len(frame) == 2 else (None, None)


def _cause_of_death(child: subprocess.Popen[bytes]) -> str:
    return "limits" if child.returncode == -signal.SIGXCPU else DIED


def _close(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):  # what was not yet written is of no use now
                pipe.close()
    child.wait()
