"""What is looked at before anything is started, so that what is wrong is said in one line."""

import asyncio
import fcntl
import os
import socket
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, connections

from config.errors import CannotStart

BACKLOG = 512


def lock_data_dir(data_dir: Path) -> int:
    """Hold DATA_DIR for this process; the lock ends with it, however it ends. Returns the open descriptor."""
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode().strip()
        os.close(descriptor)
        raise CannotStart(
            f"Gatepost is already running with DATA_DIR={data_dir} (process {holder}): stop it, or set DATA_DIR, PORT "
            "and SMTP_PORT for a second one"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def require_free_port(setting: str, host: str, port: int) -> None:
    """Raise unless this address can be listened on now."""
    if not 0 < port < 65536:
        raise CannotStart(f"{setting}={port} can't be used on {host}: ports go from 1 to 65535")
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen()
    except OSError as error:
        advice = f"stop what uses it, or set {setting} to another port"
        raise CannotStart(f"{setting}={port} can't be used on {host} ({error.strerror}): {advice}") from error


def listen(host: str, port: int) -> int:
    """The descriptor of a socket that listens there as long as this process lives, for children to inherit.

    Who connects while the child is restarted waits for its successor, and is not refused.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listening.setblocking(False)
    return listening.detach()


def require_database() -> None:
    """Raise unless DATABASE_URL answers."""
    try:
        connections["default"].ensure_connection()
    except OperationalError as error:
        database = settings.DATABASES["default"]
        where = f"{database['HOST'] or 'the local socket'}:{database['PORT'] or 5432}"
        raise CannotStart(f"The database at {where} does not answer: {_first_line(error)}") from error
    finally:
        connections["default"].close()


async def answers(host: str, port: int, path: str) -> bool:
    """Whether an HTTP server there answers 200 for this path."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 2)
    except (OSError, TimeoutError):
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return b" 200 " in await asyncio.wait_for(reader.readline(), 5)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "no reason given")
