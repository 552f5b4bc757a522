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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from messaging.mime.types import Parsed

from . import frames
from .checks import Checks, Question, Sender
from .timed_pipes import TimedPipes, TimeIsOver

log = structlog.get_logger(__name__)

WALL_SECONDS = 10.0
START_SECONDS = 60.0
# Memory that Python does not give back counts against the limit of the next mail. Each mail is asked about a few times.
MAILS_PER_CHILD = 3000
DIED, TIMEOUT = "parser_died", "timeout"
ROOT = Path(__file__).resolve().parents[2]


class Overrun(Exception):
    """The child gave no answer. `defect` says why: limits, timeout or parser_died."""

    def __init__(self, defect: str) -> None:
        super().__init__(defect)
        self.defect = defect


def parse(raw: bytes) -> Parsed:
    """What can be read of a mail; with the defect `limits`, `timeout` or `parser_died` alone when nothing can."""
    (parsed,) = parse_all([raw])
    return parsed


def parse_all(raws: Sequence[bytes]) -> list[Parsed]:
    """`parse` of each. A mail that ends the child costs the others nothing but the start of another."""
    items = [(raw, settings.MAX_FILES_RECEIVED, settings.MAX_FILE_BYTES) for raw in raws]
    return [_parsed(answer) for answer in _of_this_process().ask_all(frames.PARSE, items)]


def attachment_content(raw: bytes, index: int) -> bytes | None:
    """The bytes of one part (`ParsedAttachment.index`), or None when they can't be had."""
    (content,) = _of_this_process().ask_all(frames.ATTACHMENT, [(raw, index)])
    return content if isinstance(content, bytes) else None


def authenticate_all(questions: Sequence[Authentication]) -> list[tuple[Checks | None, tuple[Question, ...]]]:
    """SPF, DKIM and DMARC of each mail, or what to ask the DNS before; neither where the child was of no use."""
    items = [(one.raw, astuple(one.sender), dict(one.known)) for one in questions]
    return [_checks(answer) for answer in _of_this_process().ask_all(frames.AUTHENTICATE, items)]


@dataclass(frozen=True, slots=True)
class Authentication:
    """A mail whose sender is to be checked, and what is known of the DNS by now."""

    raw: bytes
    sender: Sender
    known: Mapping[Question, list[Any] | None]


class ParserProcess:
    """The child and the pipes to it. One request at a time."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._pipes: TimedPipes | None = None
        self._asked = 0

    def ask_all(self, verb: str, items: Sequence[Any]) -> list[Any]:
        """The child's answer to each item, in this order; Overrun where it gave none."""
        answers: list[Any] = []
        has_died = False
        with self._lock:
            while len(answers) < len(items):
                try:
                    for answer in self._answers(verb, items[len(answers) :]):
                        answers.append(answer)
                        has_died = False
                except Overrun as overrun:
                    # It may have died of something else, before this mail: a second child tells.
                    if overrun.defect == DIED and not has_died:
                        has_died = True
                        continue
                    answers.append(overrun)
                    has_died = False
        return answers

    def stop(self) -> None:
        """End the child, if there is one."""
        child, self._child, self._pipes, self._asked = self._child, None, None, 0
        if child is not None:
            child.kill()
            _close(child)

    def _answers(self, verb: str, items: Sequence[Any]) -> Iterator[Any]:
        """One request for all of them; each answer has its own time. Raises Overrun."""
        if self._asked >= MAILS_PER_CHILD:
            self.stop()
        pipes = self._pipes or self._start()
        self._asked += len(items)
        self._write(pipes, (verb, list(items)))
        for _ in items:
            kind, content = _kind_and_content(self._read(pipes, WALL_SECONDS))
            if kind != frames.ANSWER:
                raise self._overrun(frames.LIMITS if kind is not None else None)
            yield content

    def _start(self) -> TimedPipes:
        # An empty environment: no secret of ours is in reach of what the mail may do to the parser.
        self._child = subprocess.Popen(
            [sys.executable, "-m", "messaging.inbound.parser_child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            cwd=ROOT, env={"PYTHONUTF8": "1"}, start_new_session=True,
        )  # fmt: skip
        self._pipes = TimedPipes(self._child)
        if self._read(self._pipes, START_SECONDS) != frames.READY:
            log.error("parser.not_started")
            self.stop()
            raise Overrun(DIED)
        return self._pipes

    def _write(self, pipes: TimedPipes, content: Any) -> None:
        pipes.allow(WALL_SECONDS)
        try:
            with suppress(BrokenPipeError):  # the child is gone: the read that follows says so
                frames.write(pipes, content)
        except TimeIsOver:
            raise self._overrun(TIMEOUT) from None

    def _read(self, pipes: TimedPipes, seconds: float) -> Any:
        pipes.allow(seconds)
        try:
            return frames.read(pipes)
        except frames.Broken:
            return None
        except TimeIsOver:
            raise self._overrun(TIMEOUT) from None

    def _overrun(self, defect: str | None) -> Overrun:
        """Replaces the child. Without a `defect`, the way it ended says what it was."""
        child = self._child
        self.stop()
        if defect is None:
            defect = frames.LIMITS if child is not None and child.returncode == -signal.SIGXCPU else DIED
        log.warning("parser.replaced", defect=defect)
        return Overrun(defect)


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


def _parsed(answer: Any) -> Parsed:
    if isinstance(answer, Overrun):
        return Parsed(defects=(answer.defect,))
    return answer if isinstance(answer, Parsed) else Parsed(defects=(DIED,))


def _checks(answer: Any) -> tuple[Checks | None, tuple[Question, ...]]:
    match answer:
        case (Checks() as checks, ()):
            return checks, ()
        case (None, tuple(missing)) if all(_is_question(one) for one in missing):
            return None, missing
    return None, ()


def _is_question(found: Any) -> bool:
    return isinstance(found, tuple) and len(found) == 2 and all(isinstance(part, str) for part in found)


def _kind_and_content(frame: Any) -> tuple[str | None, Any]:
    return frame if isinstance(frame, tuple) and len(frame) == 2 else (None, None)


def _close(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):  # what was not yet written is of no use now
                pipe.close()
    child.wait()
