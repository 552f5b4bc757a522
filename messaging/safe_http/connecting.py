"""Connections to nothing but the addresses that were looked at, within one request's budget at a time."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

import httpcore2

from .addresses import Address
from .failures import Refused
from .timing import Budget
from .urls import Target

MAX_ADDRESSES = 4
CONNECT_SECONDS = 5.0
# Each waits no longer than what is left of the time: of a long body a slow reader could make many waits.
WRITE_BYTES = 16 * 1024


def connect(target: Target, *, budget: Budget) -> Stream:
    """A stream to where the target's host is found right now, with TLS that was verified for its name."""
    found = target.addresses(deadline=budget.deadline)
    stream = _connect_any(found[:MAX_ADDRESSES], target.port, budget=budget)
    try:
        return stream.start_tls(tls_context(), target.host) if target.scheme == "https" else stream
    except BaseException:
        stream.close()
        raise


def _connect_any(addresses: Sequence[Address], port: int, *, budget: Budget) -> Stream:
    for address in addresses[:-1]:
        try:
            return _connect(address, port, budget=budget)
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
            continue
    return _connect(addresses[-1], port, budget=budget)


def _connect(address: Address, port: int, *, budget: Budget) -> Stream:
    seconds = min(CONNECT_SECONDS, budget.deadline.left())
    inner = httpcore2.SyncBackend().connect_tcp(str(address), port, timeout=seconds)
    try:
        if ip_address(_peer(inner)) != address:
            raise Refused("blocked_address", "Another address answered than the one that was asked.")
    except BaseException:
        inner.close()
        raise
    return Stream(inner, budget=budget)


def _peer(stream: httpcore2.NetworkStream) -> str:
    """The address at the other end. Raises ConnectError when nobody is there any more."""
    try:
        return str(stream.get_extra_info("server_addr")[0])
    except OSError as error:
        raise httpcore2.ConnectError(str(error)) from error


class Stream(httpcore2.NetworkStream):
    """A stream that keeps to the budget of the request that it carries just now.

    What is written goes out when an answer is waited for: head and body of a request in one piece.
    """

    def __init__(self, inner: httpcore2.NetworkStream, *, budget: Budget) -> None:
        self._inner = inner
        self._unsent: list[bytes] = []
        self.budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with suppress(httpcore2.WriteError):  # who closed early may have said why
            self._send()
        content = self._inner.read(max_bytes, timeout=self.budget.deadline.left())
        self.budget.take(len(content))
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._unsent.append(buffer)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Stream:
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout=self.budget.deadline.left())
        return Stream(inner, budget=self.budget)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _send(self) -> None:
        unsent = b"".join(self._unsent)
        self._unsent.clear()
        for start in range(0, len(unsent), WRITE_BYTES):
            self._inner.write(unsent[start : start + WRITE_BYTES], timeout=self.budget.deadline.left())


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """One context for all requests (20 ms to make): the system's authorities (or SSL_CERT_FILE), names checked."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
