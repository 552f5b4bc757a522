"""What somebody else's server gives for a GET."""

from __future__ import annotations

from contextlib import closing

from . import trust, urls
from .exchange import HTTPS, MAX_FRAMING, SECONDS, Fetched, Line, headers_of, request_to
from .failures import TooLarge, Unreachable
from .timing import Budget, Deadline


def fetch(url: str, *, max_bytes: int, seconds: float = SECONDS, schemes: tuple[str, ...] = HTTPS) -> Fetched:
    """What a GET answers, whatever its status; a redirect is an answer. Raises a Failure.

    `max_bytes` is of the content; `seconds` are for everything from the DNS to the last byte. Not inside a transaction.
    """
    deadline = Deadline(seconds)
    target = urls.parse(url, schemes=schemes, trust=trust.private_hosts())
    # Chunked content can be several times as long on the wire as it is.
    budget = Budget(deadline, max_bytes=2 * max_bytes + MAX_FRAMING)
    request = request_to(target, "GET", {"Accept": "*/*"})
    with closing(Line(target, budget=budget)) as line, line.ask(request, budget=budget) as response:
        headers = headers_of(response)
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
