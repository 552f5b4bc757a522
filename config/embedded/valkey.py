"""A private Valkey on a unix socket. Nothing in it is truth, so nothing of it is kept."""

import signal
import socket
from typing import Any

from config.embedded.binaries import find_valkey
from config.embedded.places import Places, make_private
from config.embedded.process import spawn_options


class EmbeddedValkey:
    """Broker, channel layer and cache of one instance. Runs as ourselves, root or not: it keeps nothing."""

    stop_signal = signal.SIGTERM

    def __init__(self, places: Places) -> None:
        self.places = places
        self.program = find_valkey()

    @property
    def argv(self) -> list[str]:
        path = self.places.valkey_socket
        options = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(path.parent)]
        return [str(self.program), *options, "--save", "", "--appendonly", "no", "--loglevel", "nothing"]

    @property
    def url(self) -> str:
        return f"unix://{self.places.valkey_socket}"

    def spawn_options(self) -> dict[str, Any]:
        # SIGKILL, not SIGTERM: a slow farewell could remove the socket of the next instance.
        return spawn_options(death_signal=signal.SIGKILL)

    def prepare(self) -> None:
        if not self.places.sockets.exists():
            self.places.servers.mkdir(parents=True, exist_ok=True)
            make_private(self.places.sockets, None)

    def is_ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(str(self.places.valkey_socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False
