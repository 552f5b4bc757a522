"""What runs in the child process: hostile bytes are read here, under limits, with nothing at hand that is worth taking.

Started by `parser_process`. No Django in here: the child starts fast, and holds no settings, no secrets, no connection.
"""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from typing import Any

from messaging.inbound import frames
from messaging.inbound.checks import Answers, Sender
from messaging.mime import parse
from messaging.mime.attachments import Limits

MEMORY_BYTES = 768 * 1024**2
CPU_SECONDS = 5
OPEN_FILES = 64


def main() -> None:
    """Answer requests until the parent closes the pipe: a verb and its items, one answer for each item."""
    _confine()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    frames.write(answers, frames.READY)
    while (request := frames.read(requests)) is not None:
        verb, items = request
        for item in items:
            _allow_cpu(CPU_SECONDS)
            try:
                answer: Any = (frames.ANSWER, _answer(verb, item))
            except (MemoryError, RecursionError):
                answer = (frames.LIMITS, None)
            frames.write(answers, answer)


def _answer(verb: str, item: Any) -> Any:
    if verb == frames.PARSE:
        raw, *limits = item
        return parse.parse(raw, limits=Limits(*limits))
    if verb == frames.ATTACHMENT:
        with suppress(LookupError):
            return parse.attachment_content(*item)
        return None
    if verb == frames.AUTHENTICATE:
        # Only here: its libraries take longer to load than all the rest, and without a DNS they are not needed.
        from messaging.inbound.authentication import authenticate

        raw, sender, known = item
        answers = Answers(known)
        checks = authenticate(raw, Sender(*sender), lookup=answers)
        return (None, tuple(answers.missing)) if answers.missing else (checks, ())
    raise ValueError(verb)


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


def _allow_cpu(seconds: int) -> None:
    """Let this process use `seconds` more of processor time; the kernel ends it (SIGXCPU) when it wants more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, hard))


if __name__ == "__main__":
    main()
