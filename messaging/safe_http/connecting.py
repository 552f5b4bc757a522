"""Connections to nothing but the addresses that were looked at, within one budget of time and bytes."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

import httpcore2

from .addresses import Address
from .failures import Refused, TooLarge
from .timing import Deadline

MAX_ADDRESSES = 4
CONNECT_SECONDS = 5.0


class Backend(httpcore2.NetworkBackend):
    """Connects to one of `addresses`, whatever host it is asked for. Made for one request."""

    def __init__(self, addresses: Sequence[Address], *, deadline: Deadline, max_bytes: int) -> None:
        self._addresses = addresses[:MAX_ADDRESSES]
        self._deadline = deadline
        self._max_bytes = max_bytes

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.NetworkStream:
        for address in self._addresses[:-1]:
            try:
                return self._connect(address, port)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connect(self._addresses[-1], port)

    def _connect(self, address: Address, port: int) -> httpcore2.NetworkStream:
        seconds = min(CONNECT_SECONDS, self._deadline.left())
        stream = httpcore2.SyncBackend().connect_tcp(str(address), port, timeout=seconds)
        if ip_address(stream.get_extra_info("server_addr")[0]) != address:
            stream.close()
            raise Refused("blocked_address", "Another address answered than the one that was asked.")
        return Stream(stream, deadline=self._deadline, max_bytes=self._max_bytes)


class Stream(httpcore2.NetworkStream):
    """A stream that waits no longer than the deadline and takes no more than `max_bytes`, whatever they are."""

    def __init__(self, inner: httpcore2.NetworkStream, *, deadline: Deadline, max_bytes: int) -> None:
        self._inner = inner
        self._deadline = deadline
        self._bytes_left = max_bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        content = self._inner.read(max_bytes, timeout=self._deadline.left())
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise TooLarge("too_large", "The server's answer is too large.")
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout=self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout=self._deadline.left())
        return Stream(inner, deadline=self._deadline, max_bytes=self._bytes_left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """One context for all requests (20 ms to make): the system's authorities (or SSL_CERT_FILE), names checked."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
