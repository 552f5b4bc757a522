"""Ports for servers that are started by a command line."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PORTS = range(20_000, 32_000)


@contextmanager
def reserved_port() -> Iterator[int]:
    """A free port of loopback that nobody else is given while the `with` lasts: a probe that is closed again leaves it
    to anybody. A server that reuses addresses, as nearly all do, may listen there.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def free_port() -> int:
    """A port that nobody has, below those that the system gives to connections: until it is bound none takes it."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
