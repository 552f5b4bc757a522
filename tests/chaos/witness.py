"""What really went over the wire to the relay, transaction by transaction, as a proxy on the way to it saw it."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.fakes.postfix import MESSAGE_ID
from tests.fakes.proxy import FaultProxy

END = b"\r\n.\r\n"
DOT = b"."
# Until the cable is cut; no longer, lest a run hang.
HELD_FOR = 120.0
_order = itertools.count()


@dataclass
class Transaction:
    """One MAIL … of one worker. `answer` is the relay's last word on it that was passed on: 0 when there was none."""

    worker: str
    connection: int
    begun: int = field(default_factory=lambda: next(_order))
    body_begun: int = -1
    recipient: str = ""
    body: bytearray = field(default_factory=bytearray)
    is_invited: bool = False
    answer: int = 0

    @property
    def key(self) -> tuple[str, str]:
        found = MESSAGE_ID.search(bytes(self.body))
        return (found.group(1).decode() if found else "", self.recipient)

    @property
    def is_complete(self) -> bool:
        return self.body.endswith(END)

    @property
    def is_taken(self) -> bool:
        return self.is_complete and 200 <= self.answer < 300

    @property
    def is_lost(self) -> bool:
        """Bytes of the body have left, and no answer came back."""
        return bool(self.body) and not self.answer


class Witness:
    """All transactions of a run. `line` opens a way to the relay for one kind of worker."""

    def __init__(self) -> None:
        self.transactions: list[Transaction] = []
        self.dots_count: dict[str, int] = {}

    @contextmanager
    def line(self, worker: str, port: int, *, held_dot: int = 0) -> Iterator[FaultProxy]:
        """A proxy to the relay on `port`. The answer to this worker's `held_dot`th dot is kept back for a while."""
        with FaultProxy(port, new_tap=lambda: _Ear(self, worker, held_dot)) as proxy:
            yield proxy


class _Ear:
    """Follows one SMTP conversation, in which MAIL and RCPT may come in one piece."""

    def __init__(self, witness: Witness, worker: str, held_dot: int) -> None:
        self._witness, self._worker, self._held_dot = witness, worker, held_dot
        self._connection = next(_order)
        self._current: Transaction | None = None
        self._is_body = False
        self._unanswered: deque[bytes] = deque()
        self._nth_dot = 0

    def client_said(self, piece: bytes) -> None:
        if self._is_body and self._current is not None:
            self._hear_body(self._current, piece)
            return
        for line in piece.splitlines():
            self._hear_command(line)

    def answer_delay(self) -> float:
        return HELD_FOR if DOT in self._unanswered and self._nth_dot == self._held_dot else 0

    def server_said(self, piece: bytes) -> None:
        for line in piece.splitlines():
            if line[3:4] != b"-" and self._unanswered:  # nobody asked for the greeting
                self._hear_answer(self._unanswered.popleft(), int(line[:3]))

    def _hear_command(self, line: bytes) -> None:
        verb = line[:4].upper()
        self._unanswered.append(verb)
        if verb == b"MAIL":
            self._current = Transaction(self._worker, self._connection)
            self._witness.transactions.append(self._current)
        elif verb == b"RCPT" and self._current is not None:
            named = re.search(rb"<([^>]*)>", line)
            self._current.recipient = named.group(1).decode() if named else ""

    def _hear_answer(self, verb: bytes, code: int) -> None:
        current = self._current
        if current is None:
            return
        if verb == b"DATA" and code == 354:
            current.is_invited = self._is_body = True
        elif verb == DOT or (code >= 400 and verb in (b"MAIL", b"RCPT", b"DATA")):
            current.answer = code
            self._current, self._is_body = None, False

    def _hear_body(self, current: Transaction, piece: bytes) -> None:
        if not current.body:
            current.body_begun = next(_order)
        current.body += piece
        if current.is_complete:
            counts = self._witness.dots_count
            self._nth_dot = counts[self._worker] = counts.get(self._worker, 0) + 1
            self._unanswered.append(DOT)
