"""A TCP proxy that stands between a client and a server, sees what each says, and cuts the cable when it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol


class Tap(Protocol):
    """Sees one connection: each piece before it is passed on. An answer waits for the seconds of `answer_delay`, and is
    lost when the cable is cut meanwhile.
    """

    def client_said(self, piece: bytes) -> None: ...

    def answer_delay(self) -> float: ...

    def server_said(self, piece: bytes) -> None: ...


class DeafTap:
    def client_said(self, piece: bytes) -> None: ...

    def answer_delay(self) -> float:
        return 0

    def server_said(self, piece: bytes) -> None: ...


class FaultProxy:
    """Use as a context manager; clients go to `port`. A new tap sees each connection."""

    def __init__(self, target_port: int, *, new_tap: Callable[[], Tap] = DeafTap) -> None:
        self._target_port, self._new_tap = target_port, new_tap
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._cables: list[tuple[socket.socket, socket.socket]] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._changing = threading.Lock()
        self._is_cut = threading.Event()

    def __enter__(self) -> FaultProxy:
        self._threads[0].start()
        return self

    def __exit__(self, *_exception: object) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)  # close() alone would not wake the accepting thread
        self._door.close()
        self.cut()
        for thread in self._threads:
            thread.join(timeout=60)
        for pair in self._cables:
            for end in pair:
                end.close()

    def cut(self) -> None:
        """End every connection that is open now. What was not passed on yet never arrives."""
        with self._changing:
            for pair in self._cables:
                for end in pair:
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
        self._is_cut.set()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target_port), timeout=60)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._plug(client, server)

    def _plug(self, client: socket.socket, server: socket.socket) -> None:
        tap = self._new_tap()
        there = threading.Thread(target=self._pump, args=(client, server, tap.client_said), daemon=True)
        back = threading.Thread(target=self._pump, args=(server, client, tap.server_said, tap), daemon=True)
        with self._changing:
            self._cables.append((client, server))
            self._threads += [there, back]
        there.start()
        back.start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, saw: Callable[[bytes], None], delaying: Tap | None = None
    ) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                if delaying and (delay := delaying.answer_delay()) and self._is_cut.wait(delay):
                    return
                saw(piece)
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
