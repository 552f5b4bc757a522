"""How much mail makes one claim: what is sent in about half a second, so that the next one's turn comes soon."""

from __future__ import annotations

TURN = 0.5
"""Seconds. A mail that becomes due has to wait for a claim in hand, however slow the relay answers to it."""
FIRST_GUESS = 0.05
WEIGHT = 0.3


class Pace:
    """Of this process, learned from each claim. Threads may share it: a lost sample does no harm."""

    def __init__(self) -> None:
        self._seconds_a_mail = FIRST_GUESS

    def size(self, *, most: int) -> int:
        """How many recipients to claim: at least 1."""
        return max(1, min(most, int(TURN / self._seconds_a_mail)))

    def learn(self, mails: int, *, seconds: float) -> None:
        if mails:
            self._seconds_a_mail += WEIGHT * (max(seconds / mails, 1e-4) - self._seconds_a_mail)
