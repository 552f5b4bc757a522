"""The embedded PostgreSQL starts, stops, keeps its data and survives kill -9."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded.places import find_places
from config.embedded.postgres import EmbeddedPostgres
from config.embedded.roles import APP_ROLE, OWNER_ROLE
from config.errors import CannotStart


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(find_places(data_dir))
    server.start(log=data_dir / "log")
    yield server
    server.stop()


def again(server: EmbeddedPostgres) -> EmbeddedPostgres:
    return EmbeddedPostgres(server.places)


def running_pid(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def write(server: EmbeddedPostgres, text: str) -> None:
    with psycopg.connect(server.url(OWNER_ROLE)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])


def read(server: EmbeddedPostgres) -> list[str]:
    with psycopg.connect(server.url(OWNER_ROLE)) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM kept")]


def test_a_second_start_keeps_the_data(server: EmbeddedPostgres, data_dir: Path) -> None:
    write(server, "before the stop")
    server.stop()
    second = again(server)
    second.start(log=data_dir / "log")
    try:
        assert read(second) == ["before the stop"]
    finally:
        second.stop()


@pytest.mark.crash
def test_a_start_after_kill_9_keeps_what_was_committed(server: EmbeddedPostgres, data_dir: Path) -> None:
    write(server, "before the crash")
    os.kill(running_pid(server), signal.SIGKILL)
    server.stop()
    second = again(server)
    second.start(log=data_dir / "log")
    try:
        assert read(second) == ["before the crash"]
    finally:
        second.stop()


@pytest.mark.crash
def test_a_first_start_that_was_killed_leaves_nothing_half_made(data_dir: Path) -> None:
    server = EmbeddedPostgres(find_places(data_dir))
    half_made = server.data.with_name("postgres-new")
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    server.start(log=data_dir / "log")
    try:
        write(server, "fine")
        assert read(server) == ["fine"]
    finally:
        server.stop()


def test_data_of_another_major_version_is_named_and_left_alone(data_dir: Path) -> None:
    server = EmbeddedPostgres(find_places(data_dir))
    server.data.with_name("postgres-12").mkdir(parents=True)
    with pytest.raises(CannotStart, match=r"data of PostgreSQL 12, this is \d+"):
        server.prepare()


def test_it_listens_on_its_own_socket_only(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url(APP_ROLE)) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert server.places.sockets.stat().st_mode & 0o777 == 0o700


def test_the_application_role_owns_nothing(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url(APP_ROLE)) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")
        connection.rollback()
        query = (
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert connection.execute(query).fetchone() == (False,)


def test_the_database_speaks_utf8_and_utc(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url(APP_ROLE)) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
