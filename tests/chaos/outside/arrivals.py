"""A stranger's mail server that brings mail at a steady rate, and each again until it has heard 250."""

from __future__ import annotations

import smtplib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

_numbers = count(1)


@dataclass
class Arrivals:
    """Mails begun `per_second`, one after the other."""

    port: int
    address: str
    per_second: float = 5.0
    taken: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Arrivals:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(1 / self.per_second):
            subject = f"Arrival {next(_numbers)}"
            while (answer := self._bring(subject)) != "250":
                self.answers[answer] += 1
                time.sleep(0.1)
            self.answers["250"] += 1
            self.taken.append(subject)

    def _bring(self, subject: str) -> str:
        """The code of the last answer; "cut" when there was none."""
        raw = f"From: mara@friends.example\r\nSubject: {subject}\r\n\r\nGood day.\r\n".encode()
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
                client.sendmail("mara@friends.example", [self.address], raw)
        except smtplib.SMTPResponseException as error:
            return str(error.smtp_code)
        except smtplib.SMTPRecipientsRefused as error:
            return str(next(iter(error.recipients.values()))[0])
        except (OSError, smtplib.SMTPException):
            return "cut"
        return "250"
