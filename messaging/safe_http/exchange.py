"""One request, one answer: no redirects, no cookies, no proxies of the environment, nothing unpacked."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore2

from . import connecting
from .failures import Failure, TimedOut, Unreachable
from .timing import Budget
from .urls import Target

SECONDS = 15.0
HTTPS = ("https",)
# What the head of an answer, its chunk sizes and all 1xx answers before it may have together. Each piece of them costs
# the processor more than a byte of content, so who floods with them must not be listened to for long.
MAX_FRAMING = 64 * 1024
MAX_HEADERS = 100
AGENT = "Gatepost"
FAILURES = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)
OURS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer as it came. `headers` have lower-case names; of two of a name the last stands."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Line:
    """A connection to one server, verified for the target's host; carries one request at a time."""

    def __init__(self, target: Target, *, budget: Budget) -> None:
        self._made_at = time.monotonic()
        with _failures():
            self._stream = connecting.connect(target, budget=budget)
        self._http = _Http(_url(target).origin, self._stream)

    @contextmanager
    def ask(self, request: httpcore2.Request, *, budget: Budget) -> Iterator[httpcore2.Response]:
        """The answer while it is read. Raises a Failure; after one, and of an answer not read whole, it is closed."""
        self._stream.budget = budget
        with _failures():
            response = self._http.handle_request(request)
            try:
                yield response
            finally:
                response.close()

    def is_quiet(self) -> bool:
        """Whether it can carry another request: all was read, nothing came since, nobody closed it."""
        return self._http.is_available() and not self._http.has_expired() and not self._http.has_leftover()

    def age(self) -> float:
        """The seconds since its target's name was asked."""
        return time.monotonic() - self._made_at

    def close(self) -> None:
        self._stream.close()


class _Http(httpcore2.HTTP11Connection):
    def has_leftover(self) -> bool:
        """Whether more was received than the answers: it would be taken for the next one."""
        return bool(self._h11_state.trailing_data[0])


def request_to(
    target: Target, method: str, headers: Mapping[str, str], *, body: bytes | None = None, is_kept: bool = False
) -> httpcore2.Request:
    """The request; the caller's `headers` add to ours and do not replace them, but for User-Agent."""
    ours = {"Host": target.authority, "User-Agent": AGENT, "Accept-Encoding": "identity"}
    if not is_kept:
        ours["Connection"] = "close"
    if body is not None:
        ours["Content-Length"] = str(len(body))
    theirs = {name: value for name, value in headers.items() if name.lower() not in OURS}
    if any(name.lower() == "user-agent" for name in theirs):
        del ours["User-Agent"]
    told = [(name.encode(), value.encode()) for name, value in (ours | theirs).items()]
    return httpcore2.Request(method, _url(target), headers=told, content=body)


def headers_of(response: httpcore2.Response) -> dict[str, str]:
    """The answer's headers. Raises Unreachable when they are too many."""
    if len(response.headers) > MAX_HEADERS:
        raise Unreachable("bad_answer", "The server's answer has too many headers.")
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _url(target: Target) -> httpcore2.URL:
    return httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise _failure(error) from error


def _failure(error: Exception) -> Failure:
    if isinstance(error, httpcore2.TimeoutException):
        return TimedOut("timed_out", "The server took too long.")
    if isinstance(error, httpcore2.ConnectError):
        if isinstance(error.__cause__, ssl.SSLError):
            return Unreachable("tls_failed", "The server's certificate or its TLS is not good for the URL's host.")
        return Unreachable("connect_failed", "The server can't be reached.")
    return Unreachable("bad_answer", "The server broke off, or did not answer in HTTP.")
