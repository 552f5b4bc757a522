"""Why a request to somebody else's address came to nothing."""

from __future__ import annotations


class Failure(Exception):
    """No usable answer. `code` is stable, `sentence` names neither addresses nor anything that was received."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Refused(Failure):
    """This URL is not asked, now or later: `bad_url`, `bad_scheme`, `bad_port`, `blocked_host`, `blocked_address`."""


class TooLarge(Failure):
    """`too_large`: the answer has more bytes than the caller takes."""


class TimedOut(Failure):
    """`timed_out`: not done within the caller's seconds, whoever was slow."""


class Unreachable(Failure):
    """`unresolved`, `connect_failed`, `tls_failed`, `bad_answer` or `encoded`: another try may go better."""
