"""A private PostgreSQL on a unix socket, run in the foreground as our child."""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

from config.databases import embedded_database_url
from config.embedded.binaries import find_postgres, open_to_all
from config.embedded.places import Places, make_private
from config.embedded.process import spawn_options, unprivileged_account
from config.embedded.roles import DATABASE, create_roles_and_database
from config.errors import CannotStart

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_connections": "100",
    # A refused statement is the caller's news (who lost a race learns it so); this log is for the server's own.
    "log_min_messages": "fatal",
    "log_line_prefix": "",
    "timezone": "UTC",
}
# For a cluster that is thrown away: a crash may lose it.
UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One cluster in `places.servers`; only our own operating-system user (and root) can connect to it."""

    # SIGINT is PostgreSQL's fast shutdown: sessions are ended, nothing is lost.
    stop_signal = signal.SIGINT

    def __init__(self, places: Places, *, settings: dict[str, str] | None = None) -> None:
        self.places = places
        self.account = unprivileged_account()
        self.bin = open_to_all(find_postgres()) if self.account else find_postgres()
        self.settings = SETTINGS | (settings or {})
        self.version = subprocess.check_output([self.bin / "postgres", "--version"], text=True).split()[2]
        self.major = int(self.version.split(".")[0])
        self.data = places.servers / f"postgres-{self.major}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def argv(self) -> list[str]:
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        return [str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.places.sockets), *options]

    def url(self, role: str, database: str = DATABASE) -> str:
        return embedded_database_url(self.places, role=role, database=database)

    def spawn_options(self) -> dict[str, Any]:
        return spawn_options(account=self.account, death_signal=self.stop_signal)

    def prepare(self) -> None:
        """Make folders and, at the first start, the cluster; a killed first start leaves nothing half-made."""
        owner = (self.account.uid, self.account.gid) if self.account else None
        for folder in (self.places.servers, self.places.sockets):
            make_private(folder, owner)
        if (self.data / "PG_VERSION").exists():
            return
        self._refuse_another_major()
        draft = self.data.with_name("postgres-new")
        shutil.rmtree(draft, ignore_errors=True)
        self._initdb(draft)
        draft.rename(self.data)

    def start(self, *, log: Path) -> None:
        """Start and wait until the roles and the database are there; for callers without a supervisor."""
        self.prepare()
        with log.open("ab") as output:
            self._process = subprocess.Popen(self.argv, stdout=output, stderr=output, **self.spawn_options())
        while not self.is_ready():
            if self._process.poll() is not None:
                raise CannotStart(f"PostgreSQL did not start; {log} says why")
            time.sleep(0.02)
        self.finish_start()

    def is_ready(self) -> bool:
        # Like pg_ctl: to connect any earlier would fill the log with "the database system is starting up".
        if not self._says_ready():
            return False
        try:
            psycopg.connect(self.url(SUPERUSER, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def finish_start(self) -> None:
        """Make what a new cluster lacks; does nothing to one that has it."""
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            create_roles_and_database(connection)

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)

    def _says_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return lines[7:8] != [] and lines[7].strip() == "ready"

    def _refuse_another_major(self) -> None:
        for other in sorted(self.places.servers.glob("postgres-[0-9]*")):
            raise CannotStart(
                f"{other} holds data of PostgreSQL {other.name.removeprefix('postgres-')}, this is {self.version}: "
                "dump it with the old version, or set POSTGRES_BIN to the old version's bin folder"
            )

    def _initdb(self, folder: Path) -> None:
        # The wheel has no ICU; the builtin provider came with 17.
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        locale = builtin if self.major >= 17 else ["--locale=C.UTF-8"]
        result = subprocess.run(
            [self.bin / "initdb", "-D", folder, "-U", SUPERUSER, "-E", "UTF8", "-A", "trust", *locale],
            capture_output=True,
            text=True,
            check=False,
            **self.spawn_options(),
        )
        if result.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            reason = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
            raise CannotStart(f"PostgreSQL could not make its data folder: {' '.join(reason)}")
