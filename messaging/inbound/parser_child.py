"""What runs in the child process: hostile bytes are read here, under limits, with nothing at hand that is worth taking.

Started by `parser_process`. No Django in here: the child starts fast, and holds no settings, no secrets, no connection.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from messaging.inbound import frames
from messaging.inbound.checks import Sender
from messaging.mime import parse

MEMORY_BYTES = 768 * 1024**2
CPU_SECONDS = 5
OPEN_FILES = 64


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    _confine()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    frames.write(answers, frames.READY)
    while (request := frames.read(requests)) is not None:
        _allow_cpu(CPU_SECONDS)
        try:
            answer: Any = (frames.ANSWER, _answer(request, requests, answers))
        except (MemoryError, RecursionError):
            answer = (frames.LIMITS, None)
        frames.write(answers, answer)


def _answer(request: Any, requests: IO[bytes], answers: IO[bytes]) -> Any:
    verb, raw, argument = request
    if verb == frames.PARSE:
        return parse.parse(raw)
    if verb == frames.ATTACHMENT:
        with suppress(LookupError):
            return parse.attachment_content(raw, argument)
        return None
    if verb == frames.AUTHENTICATE:
        # Only here: its libraries take longer to load than all the rest, and without a DNS they are not needed.
        from messaging.inbound.authentication import authenticate

        return authenticate(raw, Sender(*argument), lookup=_lookup_by_parent(requests, answers))
    raise ValueError(verb)


def _lookup_by_parent(requests: IO[bytes], answers: IO[bytes]) -> Callable[[str, str], Any]:
    def lookup(name: str, kind: str) -> Any:
        frames.write(answers, (frames.LOOKUP, (name, kind)))
        return frames.read(requests)

    return lookup


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
