"""A client that sends mail at a steady rate and writes down every answer."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count

ANSWERS_WITHIN = 60.0
# No answer; still in flight; not now.
AGAIN = {0, 409, 503}
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: for which mail, when it began and ended (monotonic), its status (0: no answer), the message's id,
    Retry-After.
    """

    number: int
    begun: float
    ended: float
    status: int
    message_id: str
    retry_after: str
    text: str

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Target:
    """Where the mail goes in."""

    port: int
    mailbox_id: str
    key: str


@dataclass
class Load:
    """Requests begun `per_second`, by as many threads as the answers' delay needs (at most `most`)."""

    target: Target
    per_second: float = 15.0
    most: int = 24
    # Whoever is not answered, or is told to come again, asks once more with the same Idempotency-Key.
    is_stubborn: bool = False
    answers: list[Answer] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._over = threading.Event()
        self._turns = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._work) for _ in range(self.most)]
        self._pace = threading.Thread(target=self._keep_pace)
        for thread in [*self._threads, self._pace]:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Begin nothing more, and hear what was asked."""
        self._over.set()
        self._pace.join()
        for _ in self._threads:
            self._turns.release()
        for thread in self._threads:
            thread.join()

    def answers_to(self, number: int) -> list[Answer]:
        return [answer for answer in self.answers if answer.number == number]

    @property
    def unanswered(self) -> set[int]:
        """Mails of which the client never learned whether they were accepted."""
        return {answer.number for answer in self.answers} - {one.number for one in self.answers if one.is_accepted}

    @property
    def accepted(self) -> list[str]:
        return [answer.message_id for answer in self.answers if answer.is_accepted]

    def statuses(self, *, since: float = 0) -> Counter[int]:
        return Counter(answer.status for answer in self.answers if answer.begun >= since)

    def first_accepted_after(self, moment: float) -> float:
        """Seconds from `moment` to the first 2xx of a request that was begun after it."""
        return min(answer.ended for answer in self.answers if answer.is_accepted and answer.begun > moment) - moment

    def slowest(self) -> float:
        return max(answer.ended - answer.begun for answer in self.answers)

    def _keep_pace(self) -> None:
        while not self._over.wait(1 / self.per_second):
            self._turns.release()

    def _work(self) -> None:
        while self._turns.acquire() and not self._over.is_set():
            number = next(_numbers)
            self.answers.append(send(self.target, number))
            while self.is_stubborn and self.answers_to(number)[-1].status in AGAIN:
                time.sleep(0.5)
                self.answers.append(send(self.target, number))


def send(target: Target, number: int | None = None, *, subject: str = "Under load") -> Answer:
    """One request; who repeats it with the same number asks for the same mail."""
    number = number or next(_numbers)
    body = {"to": [f"kim{number}@friends.example"], "subject": f"{subject} {number}", "bodyText": "Good day.\n" * 20}
    begun = time.monotonic()
    connection = HTTPConnection("127.0.0.1", target.port, timeout=ANSWERS_WITHIN)
    try:
        connection.request(
            "POST",
            f"/v1/mailboxes/{target.mailbox_id}/messages",
            json.dumps(body),
            {
                "Authorization": f"Bearer {target.key}",
                "Content-Type": "application/json",
                "Idempotency-Key": f"load-{number}",
            },
        )
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
        status, retry_after = response.status, response.headers.get("Retry-After", "")
    except (OSError, HTTPException) as error:
        status, text, retry_after = 0, repr(error), ""
    finally:
        connection.close()
    message_id = json.loads(text)["message"]["id"] if 200 <= status < 300 else ""
    return Answer(number, begun, time.monotonic(), status, message_id, retry_after, text[:400])
