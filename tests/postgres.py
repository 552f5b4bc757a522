"""pytest plugin: one throw-away PostgreSQL for the whole run, started before Django reads its settings.

A DATABASE_URL that is already set (a server of your own, or that of the process that started this xdist worker) is
used as it is. With DURABLE=1 it keeps its promises as in production (fsync): for measurements, and to be killed.
"""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from config.embedded.places import find_places
from config.embedded.postgres import UNSAFE_BUT_FAST, EmbeddedPostgres
from config.embedded.roles import APP_ROLE, OWNER_ROLE

PREFIX = "gatepost-tests-"
# A machine that stalls takes its time for a connection, too.
PATIENCE = "&connect_timeout=60"
YOUNG_SECONDS = 600


class ThrowawayServer:
    """Lives as long as pytest; on kill -9 the server ends with its parent, and a later run removes the folder."""

    def __init__(self) -> None:
        remove_leftovers()
        # In the system's temporary folder, which the server's own user can reach when we are root.
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.folder.chmod(0o711)
        is_durable = bool(os.environ.get("DURABLE"))
        self.postgres = EmbeddedPostgres(find_places(self.folder), settings={} if is_durable else UNSAFE_BUT_FAST)

    def start(self) -> None:
        self.postgres.start(log=self.folder / "postgres.log")
        os.environ["DATABASE_URL"] = self.postgres.url(APP_ROLE) + PATIENCE
        os.environ["DATABASE_ADMIN_URL"] = self.postgres.url(OWNER_ROLE) + PATIENCE

    def pytest_unconfigure(self) -> None:
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the folders of runs that were killed. Young ones stay: their server may be about to start."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > YOUNG_SECONDS and not has_living_server(folder):
                shutil.rmtree(folder, ignore_errors=True)


def has_living_server(folder: Path) -> bool:
    for pid_file in folder.glob("servers/*/postmaster.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text().split()[0]), 0)
            return True
    return False


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    if not os.environ.get("DATABASE_URL"):
        server = ThrowawayServer()
        early_config.pluginmanager.register(server, "throwaway-postgres")
        server.start()
    # Each xdist worker has a database of its own, and so a file that says whether it is the newest. What a test starts
    # inherits it.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    folder = tempfile.mkdtemp(prefix=f"gatepost-epoch-{worker}-")
    os.environ["EPOCH_FILE"] = f"{folder}/epoch"
    os.environ["AUDIT_HEADS_DIR"] = f"{folder}/audit"
    early_config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
