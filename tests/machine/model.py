"""What Gatepost promises, in plain Python: each verb's answer and the state that it leaves behind.

Verbs change the model or raise Refused. `ground`, `authors`, `desk` and `outbox` are its parts; what comes in is here.
"""

from __future__ import annotations

from .desk import VIEWER
from .ground import CLAIM, DAILY_SENDS, FREEDOM, REVIEW_EXPIRES, UNDO, Refused, refuse_if
from .outbox import Outbox
from .things import EVERYTHING, Box, Message

__all__ = ["CLAIM", "DAILY_SENDS", "REVIEW_EXPIRES", "UNDO", "Model", "Refused"]


class Model(Outbox):
    """One account."""

    def arrive(self, box: Box, subject: str, answers: Message | None) -> Message:
        """A mail comes in: shown at once, or in a gated_all mailbox held, and then no agent knows of it."""
        message = Message(box, "", box.mode, "", subject, [], "released", None, is_received=True)
        message.answers = answers
        if box.mode == "gated_all":
            message.status = "held"
            message.open_review(self.now + REVIEW_EXPIRES)
        else:
            self.shown(message)
        self.messages.append(message)
        return message

    def stop(self, what: str, by: str) -> None:
        refuse_if(what in {box.name for box in self.boxes if box.is_deleted}, "NOT_FOUND")
        refuse_if(by == VIEWER and what != EVERYTHING, "viewer")
        self.stopped.add(what)

    def tighten(self, box: Box, mode: str) -> None:
        refuse_if(FREEDOM.index(mode) > FREEDOM.index(box.mode), "mode_not_stricter")
        box.mode = mode

    def shown_in(self, box: Box) -> set[str]:
        """The subjects of what agents may know of that came in."""
        return {one.subject for one in self.messages if one.is_received and one.box is box and one.status == "released"}
