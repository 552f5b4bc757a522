"""Keeps child processes running: prefixed logs, restart with back-off, an ordered stop in bounded time.

Children are started from the main thread only, since the signal that ends them with us is tied to the thread.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from config.embedded.process import spawn_options
from config.errors import CannotStart

FIRST_DELAY = 0.2
LONGEST_DELAY = 15.0
# A child that lived this long is well again: its next restart is a quick one.
WELL_AFTER = 10.0
LONGEST_LINE = 8192
# So long a process that is relieved may take to finish what it has in hand, a mail to a slow relay for one.
RELIEF_PATIENCE = 60.0

Write = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One child. Higher ranks are stopped first; `patience` is how long it may take to stop before it is killed.

    `ready_line` begins the line that it writes once it serves; empty if it writes none.
    """

    name: str
    argv: tuple[str, ...]
    rank: int
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM
    patience: float = 3.0
    ready_line: str = ""
    options: Mapping[str, Any] = field(default_factory=spawn_options)


class Child:
    """A command that is started again whenever it ends, until it is told to stop."""

    def __init__(self, command: Command, *, write: Write) -> None:
        self.command = command
        self.failures = 0
        self.last_line = ""
        self.has_said_ready = False
        self._write = write
        self._process: asyncio.subprocess.Process | None = None
        self._stop_asked = asyncio.Event()
        self._is_relieved = False
        self._task = asyncio.create_task(self._keep_running())

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def stop(self) -> None:
        """Ask, wait, then kill the whole group; returns when nothing of it runs."""
        self._stop_asked.set()
        self._signal(self.command.stop_signal)
        _, pending = await asyncio.wait([self._task], timeout=self.command.patience)
        if pending:
            self.say(f"did not stop within {self.command.patience:g} s and is killed")
            self._kill_group()
            await self._task

    async def relieve(self) -> None:
        """Let the process finish what it has in hand and end; its successor starts at once."""
        process = self._process
        if process is None or process.returncode is not None:
            return  # it starts anyway
        self._is_relieved = True
        self._signal(self.command.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), RELIEF_PATIENCE)
        except TimeoutError:
            self.say(f"did not finish within {RELIEF_PATIENCE:g} s and is killed")
            self._kill_group()
            await process.wait()

    def say(self, line: str) -> None:
        self._write(f"{self.command.name:<8} | {line}")

    async def _keep_running(self) -> None:
        while not self._stop_asked.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._stop_asked.is_set():
                return
            if self._is_relieved:
                self._is_relieved, self.failures = False, 0
                continue
            self.failures = 0 if time.monotonic() - started > WELL_AFTER else self.failures + 1
            delay = min(FIRST_DELAY * 2**self.failures, LONGEST_DELAY)
            self.say(f"ended ({_cause(code)}) and starts again in {delay:.1f} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop_asked.wait(), delay)

    async def _run_once(self) -> int:
        # A pipe of our own: asyncio's is tied to wait(), and a grandchild that holds it open would block that.
        read_end, write_end = os.pipe()
        self.has_said_ready = False
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.command.argv,
                env=os.environ | dict(self.command.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                **self.command.options,
            )
        finally:
            os.close(write_end)
        relay = asyncio.create_task(self._relay(read_end))
        if self._stop_asked.is_set():
            self._signal(self.command.stop_signal)
        code = await self._process.wait()
        self._kill_group()
        await asyncio.wait([relay], timeout=1)
        relay.cancel()
        return code

    async def _relay(self, descriptor: int) -> None:
        async for line in _lines(descriptor):
            self.last_line = line or self.last_line
            self.has_said_ready |= bool(self.command.ready_line) and line.startswith(self.command.ready_line)
            self.say(line)

    def _signal(self, number: int) -> None:
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _kill_group(self) -> None:
        # Each child leads its own session, so this reaches what it started too.
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


class Supervisor:
    """All children of one instance."""

    def __init__(self, *, write: Write) -> None:
        self._write = write
        self._children: list[Child] = []

    def start(self, command: Command) -> Child:
        child = Child(command, write=self._write)
        self._children.append(child)
        return child

    async def wait_until_ready(self, child: Child, is_ready: Callable[[], bool], *, deaths_allowed: int = 4) -> None:
        """Return when the child serves. Some deaths are forgiven: its predecessor may still be shutting down."""
        while not await asyncio.to_thread(is_ready):
            if child.failures > deaths_allowed:
                raise CannotStart(f"{child.command.name} does not start: {child.last_line or 'it says nothing'}")
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop everything, rank by rank, so that nobody loses what they stand on."""
        if self._children:
            self._write("Stopping ...")
        for rank in sorted({child.command.rank for child in self._children}, reverse=True):
            await asyncio.gather(*(child.stop() for child in self._children if child.command.rank == rank))
        if self._children:
            self._write("Stopped.")


async def _lines(descriptor: int) -> AsyncIterator[str]:
    """Lines of a pipe, cut at LONGEST_LINE, until its last writer closes it."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    rest = b""
    try:
        while chunk := await reader.read(65536):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in [*whole, rest[:LONGEST_LINE]] if len(rest) > LONGEST_LINE else whole:
                yield line[:LONGEST_LINE].decode(errors="replace").rstrip()
            rest = b"" if len(rest) > LONGEST_LINE else rest
        if rest:
            yield rest.decode(errors="replace").rstrip()
    finally:
        transport.close()


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
