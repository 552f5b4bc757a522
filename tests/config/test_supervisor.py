"""The supervisor restarts what dies and stops everything in order, and waits for nobody for ever."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from config.errors import CannotStart
from config.rolling import roll
from config.supervisor import Child, Command, Supervisor

SLEEPS = "import time\nprint('up', flush=True)\ntime.sleep(600)"
FINISHES = """
import signal, time
def finish(*_):
    time.sleep(0.3)
    print("finished", flush=True)
    raise SystemExit
signal.signal(signal.SIGTERM, finish)
print("up", flush=True)
time.sleep(600)
"""
DEAF = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPS}"
HAS_A_DEAF_CHILD = f"import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', {DEAF!r}]).pid)\n{SLEEPS}"


# Far less than those children sleep, and than a restart is put off that is not waited for.
LONG = 120


class Log(list[str]):
    def has(self, text: str) -> bool:
        return any(text in line for line in self)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(autouse=True)
def _no_child_seems_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that dies at once has lived for seconds where the machine stalls."""
    monkeypatch.setattr("config.supervisor.WELL_AFTER", 600)


@pytest.fixture
async def supervisor(log: Log) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(write=log.append)
    yield supervisor
    await supervisor.stop()


def command(source: str, *, name: str = "child", rank: int = 0, patience: float = 60) -> Command:
    return Command(name=name, argv=(sys.executable, "-c", source), rank=rank, patience=patience)


async def until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for its reaper and runs no more.
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


async def test_a_killed_child_is_started_again(supervisor: Supervisor, log: Log) -> None:
    child = supervisor.start(command(SLEEPS))
    await until(lambda: log.has("up"))
    first = child.pid
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.pid not in {None, first})
    assert log.has("ended (signal 9) and starts again")


async def test_a_child_that_keeps_dying_is_started_less_and_less_often(supervisor: Supervisor, log: Log) -> None:
    supervisor.start(command("raise SystemExit(3)"))
    await until(lambda: log.has("exit code 3) and starts again in 0.8 s"))
    assert next(line for line in log if "starts again" in line).endswith("0.4 s")


async def test_every_line_says_who_wrote_it(supervisor: Supervisor, log: Log) -> None:
    supervisor.start(command(SLEEPS, name="web"))
    supervisor.start(command(SLEEPS, name="worker"))
    await until(lambda: len(log) == 2)
    assert sorted(log) == ["web      | up", "worker   | up"]


async def test_an_endless_line_does_not_stop_the_log(supervisor: Supervisor, log: Log) -> None:
    supervisor.start(command(f"print('x' * 1_000_000)\nprint('short')\n{SLEEPS}"))
    await until(lambda: log.has("short") and log.has("up"))
    assert max(len(line) for line in log) < 10_000


async def test_stopping_goes_from_the_edge_to_the_truth(log: Log) -> None:
    supervisor = Supervisor(write=log.append)
    farewell = (
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit()))"
    )
    for name, rank in (("truth", 0), ("work", 2), ("edge", 3)):
        supervisor.start(command(f"{farewell}\n{SLEEPS}", name=name, rank=rank))
    await until(lambda: len(log) == 3)
    await supervisor.stop()
    assert [line.split()[0] for line in log if "bye" in line] == ["edge", "work", "truth"]


async def test_a_deaf_child_is_killed_when_patience_ends(log: Log) -> None:
    supervisor = Supervisor(write=log.append)
    supervisor.start(command(DEAF, patience=0.3))
    await until(lambda: log.has("up"))
    started = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - started < LONG
    assert log.has("is killed")


async def test_what_a_child_started_ends_with_it(supervisor: Supervisor, log: Log) -> None:
    child = supervisor.start(command(HAS_A_DEAF_CHILD))
    await until(lambda: len([line for line in log if line.endswith("up")]) == 2)
    grandchild = int(next(line.split()[-1] for line in log if not line.endswith("up")))
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: not is_alive(grandchild))


async def test_stopping_does_not_wait_for_a_restart_that_is_due(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.supervisor.FIRST_DELAY", 300)
    monkeypatch.setattr("config.supervisor.LONGEST_DELAY", 300)
    supervisor = Supervisor(write=log.append)
    supervisor.start(command("raise SystemExit(3)"))
    await until(lambda: log.has("starts again in 300.0 s"))
    started = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - started < LONG


async def test_a_child_that_never_serves_is_given_up_with_its_last_word(supervisor: Supervisor) -> None:
    child: Child = supervisor.start(command("print('no such file')\nraise SystemExit(1)"))
    with pytest.raises(CannotStart, match="child does not start: no such file"):
        await supervisor.wait_until_ready(child, lambda: False, deaths_allowed=1)


async def test_a_relieved_child_finishes_and_its_successor_starts_at_once(supervisor: Supervisor, log: Log) -> None:
    child = supervisor.start(replace(command(FINISHES), ready_line="up"))
    await until(lambda: child.has_said_ready)
    first = child.pid
    await child.relieve()
    assert log.has("finished")
    await until(lambda: child.has_said_ready and child.pid != first)
    assert not log.has("starts again")
    assert child.failures == 0


async def test_a_relieved_child_that_does_not_finish_is_killed(
    supervisor: Supervisor, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.supervisor.RELIEF_PATIENCE", 0.2)
    child = supervisor.start(replace(command(DEAF, patience=0.2), ready_line="up"))
    await until(lambda: child.has_said_ready)
    first = child.pid
    await child.relieve()
    assert log.has("did not finish within 0.2 s")
    await until(lambda: child.has_said_ready and child.pid != first)


async def test_the_others_are_left_as_they_are_when_one_does_not_come_up_again(
    supervisor: Supervisor, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.supervisor.FIRST_DELAY", 0.01)
    broken = tmp_path / "broken"
    source = f"import os, sys\nif os.path.exists({str(broken)!r}): sys.exit('no such setting')\n{SLEEPS}"
    worker = supervisor.start(replace(command(source, name="worker"), ready_line="up"))
    web = supervisor.start(replace(command(SLEEPS, name="web"), ready_line="up"))
    await until(lambda: worker.has_said_ready and web.has_said_ready)
    kept = web.pid
    broken.touch()
    await roll([worker, web], write=log.append)
    assert log.has("worker does not start: no such setting. The other processes are left as they are.")
    assert web.pid == kept
