"""Mail: threads, messages and their bytes, recipients, attempts, and facts about the people written to."""

from .attempt import Attempt, AttemptPhase, Captured
from .message import Attachment, Direction, Message, RawMessage, Recipient, RecipientState, Revision, Status
from .suppression import Suppression, SuppressionReason
from .thread import Thread

__all__ = [
    "Attachment",
    "Attempt",
    "AttemptPhase",
    "Captured",
    "Direction",
    "Message",
    "RawMessage",
    "Recipient",
    "RecipientState",
    "Revision",
    "Status",
    "Suppression",
    "SuppressionReason",
    "Thread",
]
