"""What is wrong is found before anything is started."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.errors import CannotStart
from config.preflight import lock_data_dir, require_free_port
from tests.ports import free_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_port_in_use_is_named_with_its_setting(taken_port: int) -> None:
    with pytest.raises(CannotStart, match=rf"SMTP_PORT={taken_port} can't be used .*Address already in use"):
        require_free_port("SMTP_PORT", "127.0.0.1", taken_port)


def test_a_free_port_passes() -> None:
    require_free_port("PORT", "127.0.0.1", free_port())


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("192.0.2.1", 8000), ("not an address", 8000)])
def test_an_address_that_can_not_be_had_is_named(host: str, port: int) -> None:
    with pytest.raises(CannotStart, match=f"PORT={port} can't be used on {host}"):
        require_free_port("PORT", host, port)


def test_a_data_folder_serves_one_instance(data_dir: Path) -> None:
    lock = lock_data_dir(data_dir)
    with pytest.raises(CannotStart, match="already running with DATA_DIR="):
        lock_data_dir(data_dir)
    os.close(lock)
    os.close(lock_data_dir(data_dir))
