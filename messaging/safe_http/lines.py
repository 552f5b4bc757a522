"""POSTs to servers that others chose, over connections that are kept for a while."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpcore2

from . import urls
from .exchange import FAILURES, HTTPS, MAX_FRAMING, SECONDS, Fetched, Line, headers_of, request_to
from .failures import Failure, Unreachable
from .timing import Budget, Deadline
from .trust import Trust

# A receiver of a post has said all that we want to know by its status; for the rest of it nobody waits long.
MAX_ECHO = 16 * 1024
ECHO_SECONDS = 2.0
# Servers close what is idle after a minute at the most, many after 15 seconds.
IDLE_SECONDS = 15.0
# Then the name is asked again, and every address of it looked at: a kept connection must not outlive what it means.
AGE_SECONDS = 60.0
PER_ORIGIN = 8
MAX_IDLE = 128

Origin = tuple[str, str, int, Trust]


@dataclass(frozen=True, slots=True, eq=False)
class _Idle:
    origin: Origin
    line: Line
    since: float


class Lines:
    """Kept connections, each used only for the scheme, host and port that it was made and verified for. Thread-safe.

    `per_origin`: how many of one are kept; where more ask it at once, each that is closed costs a handshake soon.
    """

    def __init__(
        self, *, idle_seconds: float = IDLE_SECONDS, age_seconds: float = AGE_SECONDS, per_origin: int = PER_ORIGIN
    ) -> None:
        self._idle_seconds = idle_seconds
        self._age_seconds = age_seconds
        self._per_origin = per_origin
        self._lock = threading.Lock()
        self._idle: deque[_Idle] = deque()  # the longest idle first
        self._of_origin: Counter[Origin] = Counter()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float = SECONDS,
        allow: frozenset[tuple[str, int]] = frozenset(),
    ) -> Fetched:
        """What a POST of `body` answers; of the answer's content only what comes at once. Raises a Failure.

        The caller's `headers` add to ours (Host, Content-Length ...) and do not replace them, but for User-Agent.
        `allow`: hosts and ports that are exempt from the rules of address, port and https. Whoever receives it may get
        it twice: a kept connection that was closed before it answered says nothing of what became of the request.
        `seconds` are for everything. Not inside a transaction.
        """
        deadline = Deadline(seconds)
        target = urls.parse(url, schemes=HTTPS, trust=Trust(receivers=allow))
        origin = (target.scheme, target.host, target.port, target.trust)
        request = request_to(target, "POST", headers, body=body, is_kept=True)
        kept = self._take(origin)
        if kept is not None:
            budget = _budget(deadline)
            try:
                return self._ask(kept, request, origin=origin, budget=budget)
            except Unreachable:
                if budget.has_answer:
                    raise
        budget = _budget(deadline)
        return self._ask(Line(target, budget=budget), request, origin=origin, budget=budget)

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it is done."""
        with self._lock:
            self._is_closed = True
            lines = [one.line for one in self._idle]
            self._idle.clear()
            self._of_origin.clear()
        _close(lines)

    def _ask(self, line: Line, request: httpcore2.Request, *, origin: Origin, budget: Budget) -> Fetched:
        try:
            answer = _answer(line, request, budget=budget)
        except BaseException:
            line.close()
            raise
        self._keep(line, origin=origin)
        return answer

    def _take(self, origin: Origin) -> Line | None:
        """The connection to this origin that was used last, of those that are still good."""
        while (line := self._pop(origin)) is not None:
            if line.is_quiet() and line.age() < self._age_seconds:
                return line
            line.close()
        return None

    def _pop(self, origin: Origin) -> Line | None:
        oldest = time.monotonic() - self._idle_seconds
        with self._lock:
            expired = []
            while self._idle and self._idle[0].since < oldest:
                expired.append(self._leave(self._idle[0]))
            found = next((one for one in reversed(self._idle) if one.origin == origin), None)
            if found is not None:
                self._leave(found)
        _close(expired)
        return found.line if found is not None else None

    def _keep(self, line: Line, *, origin: Origin) -> None:
        surplus = [line]
        if line.is_quiet():
            with self._lock:
                if not self._is_closed and self._of_origin[origin] < self._per_origin:
                    self._idle.append(_Idle(origin, line, time.monotonic()))
                    self._of_origin[origin] += 1
                    surplus = [self._leave(self._idle[0]) for _ in range(len(self._idle) - MAX_IDLE)]
        _close(surplus)

    def _leave(self, one: _Idle) -> Line:
        """Out of those that wait; the lock is held."""
        self._idle.remove(one)
        self._of_origin[one.origin] -= 1
        if not self._of_origin[one.origin]:
            del self._of_origin[one.origin]
        return one.line


def _answer(line: Line, request: httpcore2.Request, *, budget: Budget) -> Fetched:
    with line.ask(request, budget=budget) as response:
        headers = headers_of(response)
        content = bytearray()
        budget.deadline.shorten(ECHO_SECONDS)
        try:
            for chunk in response.iter_stream():
                content += chunk
                if len(content) > MAX_ECHO:
                    break
        except (Failure, *FAILURES):
            pass  # the status was said
        return Fetched(response.status, headers, bytes(content[:MAX_ECHO]))


def _budget(deadline: Deadline) -> Budget:
    # Chunked content can be several times as long on the wire as it is.
    return Budget(deadline, max_bytes=2 * MAX_ECHO + MAX_FRAMING)


def _close(lines: Iterable[Line]) -> None:
    for line in lines:
        line.close()
