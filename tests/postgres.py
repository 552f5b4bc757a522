"""pytest plugin: one throw-away PostgreSQL for the whole run, started before Django reads its settings.

A DATABASE_URL that is already set (a server of your own, or that of the process that started this xdist worker) is
used as it is.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from config.embedded.places import find_places
from config.embedded.postgres import UNSAFE_BUT_FAST, EmbeddedPostgres
from config.embedded.roles import APP_ROLE, OWNER_ROLE


class ThrowawayServer:
    """Lives as long as pytest; on kill -9 the server ends with its parent and only a folder in /tmp stays."""

    def __init__(self) -> None:
        # In the system's temporary folder, which the server's own user can reach when we are root.
        self.folder = Path(tempfile.mkdtemp(prefix="gatepost-tests-"))
        self.folder.chmod(0o711)
        self.postgres = EmbeddedPostgres(find_places(self.folder), settings=UNSAFE_BUT_FAST)

    def start(self) -> None:
        self.postgres.start(log=self.folder / "postgres.log")
        os.environ["DATABASE_URL"] = self.postgres.url(APP_ROLE)
        os.environ["DATABASE_ADMIN_URL"] = self.postgres.url(OWNER_ROLE)

    def pytest_unconfigure(self) -> None:
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    if os.environ.get("DATABASE_URL"):
        return
    server = ThrowawayServer()
    early_config.pluginmanager.register(server, "throwaway-postgres")
    server.start()
