"""One request, one answer: no redirects, no cookies, no proxies of the environment, nothing unpacked, no second try."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore2

from . import names, urls
from .connecting import Backend, tls_context
from .failures import Failure, TimedOut, TooLarge, Unreachable
from .timing import Deadline
from .urls import Target

SECONDS = 15.0
HTTPS = ("https",)
# What the head of an answer, its chunk sizes and all 1xx answers before it may have together.
MAX_FRAMING = 256 * 1024
MAX_HEADERS = 100
# A receiver of a post has said all that we want to know by its status; for the rest of it nobody waits long.
MAX_ECHO = 64 * 1024
ECHO_SECONDS = 2.0
AGENT = "Gatepost"
FAILURES = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)
OURS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer as it came. `headers` have lower-case names; of two of a name the last stands."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def fetch(url: str, *, max_bytes: int, seconds: float = SECONDS, schemes: tuple[str, ...] = HTTPS) -> Fetched:
    """What a GET answers, whatever its status; a redirect is an answer. Raises a Failure.

    `max_bytes` is of the content; `seconds` are for everything from the DNS to the last byte. Not inside a transaction.
    """
    deadline = Deadline(seconds)
    target = urls.parse(url, schemes=schemes)
    with _exchange(target, "GET", {"Accept": "*/*"}, None, deadline=deadline, max_bytes=max_bytes) as response:
        headers = _headers(response)
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Unreachable("encoded", "The server packed its answer although it was asked not to.")
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > max_bytes:
            raise TooLarge("too_large", "The server's answer is too large.")
        content = bytearray()
        for chunk in response.iter_stream():
            content += chunk
            if len(content) > max_bytes:
                raise TooLarge("too_large", "The server's answer is too large.")
        return Fetched(response.status, headers, bytes(content))


def post(
    url: str, *, body: bytes, headers: Mapping[str, str], seconds: float = SECONDS, schemes: tuple[str, ...] = HTTPS
) -> Fetched:
    """What a POST of `body` answers; of the answer's content only what comes at once. Raises a Failure.

    The caller's `headers` add to ours (Host, Content-Length …) and do not replace them, but for User-Agent.
    """
    deadline = Deadline(seconds)
    target = urls.parse(url, schemes=schemes)
    with _exchange(target, "POST", headers, body, deadline=deadline, max_bytes=MAX_ECHO) as response:
        content = bytearray()
        deadline.shorten(ECHO_SECONDS)
        try:
            for chunk in response.iter_stream():
                content += chunk
                if len(content) > MAX_ECHO:
                    break
        except (Failure, *FAILURES):
            pass  # the status was said
        return Fetched(response.status, _headers(response), bytes(content[:MAX_ECHO]))


@contextmanager
def _exchange(
    target: Target,
    method: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    deadline: Deadline,
    max_bytes: int,
) -> Iterator[httpcore2.Response]:
    found = names.resolve(target.host, target.literal, deadline=deadline)
    # Chunked content can be several times as long on the wire as it is.
    backend = Backend(found, deadline=deadline, max_bytes=2 * max_bytes + MAX_FRAMING)
    request = _request(target, method, headers, body)
    # A connection of its own for every request: none is used for a name that it was not made and verified for.
    connection = httpcore2.HTTPConnection(request.url.origin, ssl_context=tls_context(), network_backend=backend)
    try:
        with connection:
            yield connection.handle_request(request)
    except FAILURES as error:
        raise _failure(error) from error


def _request(target: Target, method: str, headers: Mapping[str, str], body: bytes | None) -> httpcore2.Request:
    ours = {"Host": target.authority, "User-Agent": AGENT, "Accept-Encoding": "identity", "Connection": "close"}
    if body is not None:
        ours["Content-Length"] = str(len(body))
    theirs = {name: value for name, value in headers.items() if name.lower() not in OURS}
    if any(name.lower() == "user-agent" for name in theirs):
        del ours["User-Agent"]
    told = [(name.encode(), value.encode()) for name, value in (ours | theirs).items()]
    url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    return httpcore2.Request(method, url, headers=told, content=body)


def _headers(response: httpcore2.Response) -> dict[str, str]:
    if len(response.headers) > MAX_HEADERS:
        raise Unreachable("bad_answer", "The server's answer has too many headers.")
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _failure(error: Exception) -> Failure:
    if isinstance(error, httpcore2.TimeoutException):
        return TimedOut("timed_out", "The server took too long.")
    if isinstance(error, httpcore2.ConnectError):
        if isinstance(error.__cause__, ssl.SSLError):
            return Unreachable("tls_failed", "The server's certificate or its TLS is not good for the URL's host.")
        return Unreachable("connect_failed", "The server can't be reached.")
    return Unreachable("bad_answer", "The server broke off, or did not answer in HTTP.")
