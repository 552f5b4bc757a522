"""`make run` as a whole: real processes, real signals."""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import config.instance
from tests.instance import PATIENCE, Instance, manage
from tests.ports import free_port

STOPS_WITHIN = 10


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[..., Instance]]:
    instances = []

    def start_instance(folder: Path = data_dir, **environment: str) -> Instance:
        instances.append(Instance(folder, **environment))
        return instances[-1]

    yield start_instance
    for instance in instances:
        instance.stop()


needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc to see what is left")


@needs_proc
@pytest.mark.crash
def test_it_serves_heals_and_stops(start: Callable[..., Instance]) -> None:
    instance = start().wait_until_ready()
    instance.until(lambda: instance.health().get("status") == "ok")

    for words in ("daphne", "config worker", "config beat", "manage.py webhooks", "valkey-server", "postgres -D"):
        instance.kill(words)
    instance.until(lambda: instance.health().get("status") == "ok")

    instance.process.send_signal(signal.SIGINT)
    assert instance.process.wait(PATIENCE) == 0
    assert instance.processes() == {}


def test_to_stop_takes_no_longer_than_an_orchestrator_waits() -> None:
    """Those of one rank are waited for together, and each no longer than its patience (test_supervisor)."""
    assert sum(config.instance.PATIENCE.values()) < STOPS_WITHIN


@needs_proc
@pytest.mark.crash
def test_kill_9_of_the_supervisor_leaves_nothing_and_the_next_start_works(
    start: Callable[..., Instance], data_dir: Path
) -> None:
    first = start().wait_until_ready()
    assert manage(data_dir, "migrate", "--check").returncode == 0
    first.process.kill()
    first.process.wait()
    first.until(lambda: first.processes() == {})
    second = start().wait_until_ready()
    second.until(lambda: second.health().get("checks"))


def test_what_is_wrong_is_said_in_one_line(start: Callable[..., Instance]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        instance = start(PORT=str(port))
        assert instance.process.wait(PATIENCE) == 1
    assert f"PORT={port} can't be used on 127.0.0.1 (Address already in use)" in instance.text()
    assert "Traceback" not in instance.text()


def test_a_dead_database_is_said_in_one_line(start: Callable[..., Instance]) -> None:
    instance = start(DATABASE_URL=f"postgresql://gatepost:hush@127.0.0.1:{free_port()}/gatepost", SECRET_KEY="x" * 50)
    assert instance.process.wait(PATIENCE) == 1
    assert "The database at 127.0.0.1:" in instance.text()
    assert "Traceback" not in instance.text()
    assert "hush" not in instance.text()


def test_a_command_says_how_to_start_when_nothing_runs(data_dir: Path) -> None:
    result = manage(data_dir, "flush", "--no-input")
    assert result.returncode == 1
    assert result.stderr.strip() == f'Gatepost is not running with DATA_DIR={data_dir}: start it with "make run"'
