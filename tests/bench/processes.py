"""Processes of a measurement: started, watched for the processor time they take, and ended whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, says: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A process whose children end with it. `says`: its first lines are read by the caller."""
    process = subprocess.Popen(
        list(argv), cwd=ROOT, env=dict(env or os.environ), start_new_session=True, text=True,
        stdout=subprocess.PIPE if says else subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        family = [process.pid, *_descendants(process.pid)]
        process.terminate()
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in family[1:]:
            _kill(pid)
        if process.stdout is not None:
            process.stdout.close()


def cpu_seconds(pid: int) -> float:
    """Processor time of the process and all its children, the ended ones too."""
    return sum(_own_cpu(one) for one in [pid, *_descendants(pid)])


def _own_cpu(pid: int) -> float:
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) / TICKS if fields else 0.0


def _descendants(pid: int) -> list[int]:
    parents = {int(path.name): _stat(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    children = [child for child, fields in parents.items() if fields and int(fields[1]) == pid]
    return children + [one for child in children for one in _descendants(child)]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
