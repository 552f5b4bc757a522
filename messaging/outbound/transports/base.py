"""What every way out has in common: one call, one result, three kinds of failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from messaging.mime.types import Envelope


@dataclass(frozen=True, slots=True)
class SendResult:
    """The next hop took the mail: its answer. Says nothing of the inbox.

    `afterwards` is called once the outcome is committed; only the sandbox has something to do then.
    """

    code: str
    text: str
    afterwards: Callable[[], None] | None = None


class SendFailure(Exception):
    """No acceptance. `code` is the peer's reply code or a word of ours, `text` what the peer or we say about it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


class TransientFailure(SendFailure):
    """Certainly not taken; a later attempt may succeed."""


class PermanentFailure(SendFailure):
    """Certainly not taken, and never will be."""


class OutcomeUnknown(SendFailure):
    """Bytes may have left and the answer is lost. The machine must not try again."""


def nobody_looks() -> None:
    """For a hand-over that nobody can stop."""


class Transport(Protocol):
    def send(
        self,
        envelope: Envelope,
        raw: bytes,
        *,
        on_data: Callable[[], None],
        look: Callable[[], None] = nobody_looks,
    ) -> SendResult:
        """Hand over `raw` (wire bytes, checked) to the envelope's one recipient.

        `look` is called before anything is said of this mail, and raises when it was stopped meanwhile.
        `on_data` is called right before the first byte of the body: it makes "bytes may have left" durable, or raises
        to keep them here. Before it failures are transient or permanent; after it, without an answer, OutcomeUnknown.
        """
