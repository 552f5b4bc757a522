"""Processes that are spoken to in lines: asked on stdin, answering JSON on stdout."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings


class Talker:
    """A child that answers each line with one line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self._process.args!r} ended"
        told: dict[str, Any] = json.loads(line)
        return told


@contextmanager
def talker(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[Talker]:
    """A running child that has said that it is ready; killed at the end."""
    process = subprocess.Popen(
        argv, env=dict(environment), cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        made = Talker(process)
        assert made.answer() == {"ready": True}
        yield made
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()
