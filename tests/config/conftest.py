"""A place of one's own for servers and whole instances."""

import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

PORTS = range(20_000, 32_000)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty DATA_DIR that the servers' own user can reach (pytest's tmp_path is closed to it when we are root)."""
    folder = Path(tempfile.mkdtemp(prefix="gatepost-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port that nobody has, below those that the system gives to connections: until it is bound none takes it."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
