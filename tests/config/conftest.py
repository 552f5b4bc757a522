"""A place of one's own for servers and whole instances."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty DATA_DIR that the servers' own user can reach (pytest's tmp_path is closed to it when we are root)."""
    folder = Path(tempfile.mkdtemp(prefix="gatepost-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
