"""What a worker knows of stops between two mails, so that nobody is asked in vain and nobody is overlooked."""

from __future__ import annotations

import time

from mailboxes import switch

# A look that is younger is as good as a new one: a mail a quick relay takes is looked at by the mark of the one before,
# and by its own; before each line to a slow relay the database is asked. Seconds.
FRESH = 0.01


class Lookout:
    """`newest` is the generation of stops as it was last seen: it moves with every stop and resume on this server."""

    def __init__(self) -> None:
        self.newest = -1
        self._looked_at = float("-inf")

    def saw(self, generation: int) -> None:
        """Somebody has just read it, for another reason."""
        self.newest, self._looked_at = generation, time.monotonic()

    def look(self) -> int:
        """The generation, at most FRESH old."""
        if time.monotonic() - self._looked_at > FRESH:
            self.saw(switch.generation())
        return self.newest
