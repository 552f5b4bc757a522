"""A web server on loopback that answers with whatever bytes a test gives it, as slowly and as long as it likes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATIENCE = 60
Answer = Callable[[socket.socket], None]


@dataclass
class Web:
    """Where it listens, and what it heard: one entry per request, head and body."""

    host: str
    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    server_names: list[str | None] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The head of the last request."""
        return self.requests[-1].partition(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def body(self) -> bytes:
        return self.requests[-1].partition(b"\r\n\r\n")[2]


def bytes_of(status: str = "200 OK", content: bytes = b"", **headers: str) -> bytes:
    """An answer in one piece."""
    told = {"Content-Length": str(len(content)), "Connection": "close"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + content


def saying(content: bytes) -> Answer:
    """An answer of exactly these bytes."""
    return lambda peer: peer.sendall(content)


@contextmanager
def web_server(
    answer: Answer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, keeps: bool = False
) -> Iterator[Web]:
    """Listens while the `with` lasts, and answers all alike. `keeps`: one connection may bring many requests."""
    with listening(lambda _request: answer, host=host, tls=tls, keeps=keeps) as web:
        yield web


@contextmanager
def listening(
    hear: Callable[[bytes], Answer], *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, keeps: bool = True
) -> Iterator[Web]:
    """Listens while the `with` lasts; `hear` says how each request is answered."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        web = Web(host, listener.getsockname()[1])
        stopped = threading.Event()
        threads: list[threading.Thread] = []
        peers: list[socket.socket] = []
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: web.server_names.append(name)

        def accept() -> None:
            listener.settimeout(0.1)
            while not stopped.is_set():
                with contextlib.suppress(TimeoutError, OSError):
                    peer, _ = listener.accept()
                    web.connections += 1
                    threads.append(threading.Thread(target=serve, args=(peer,)))
                    threads[-1].start()

        def serve(peer: socket.socket) -> None:
            peer.settimeout(PATIENCE)
            with contextlib.suppress(OSError, ValueError), peer:
                speaking = tls.wrap_socket(peer, server_side=True) if tls is not None else peer
                peers.append(speaking)
                with speaking:
                    while True:
                        request = _request(speaking)
                        web.requests.append(request)
                        hear(request)(speaking)
                        if not keeps:
                            break

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield web
        finally:
            stopped.set()
            acceptor.join()
            for peer in peers:  # whoever still waits for a further request
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(timeout=PATIENCE)


def _request(peer: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        content += _some(peer)
    head, _, body = content.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += _some(peer)
    return head + b"\r\n\r\n" + body


def _some(peer: socket.socket) -> bytes:
    content = peer.recv(65536)
    if not content:
        raise ValueError("The client went away.")
    return content
