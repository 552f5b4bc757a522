"""Mail: threads, messages and their bytes, recipients, attempts, and facts about the people written to."""

from .attachment import Attachment
from .attempt import IRREVOCABLE, Attempt, AttemptPhase, Captured
from .dead_letter import DeadLetter, LetterEnd
from .message import DUE_STATES, Direction, Message, RawMessage, Recipient, RecipientState, Revision, Status
from .stored_file import Remnant, StoredFile
from .suppression import Suppression, SuppressionReason
from .thread import Thread
from .webhook import EVERYTHING, DeliveryStatus, EndpointStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint

__all__ = [
    "DUE_STATES",
    "EVERYTHING",
    "IRREVOCABLE",
    "Attachment",
    "Attempt",
    "AttemptPhase",
    "Captured",
    "DeadLetter",
    "DeliveryStatus",
    "Direction",
    "EndpointStatus",
    "LetterEnd",
    "Message",
    "RawMessage",
    "Recipient",
    "RecipientState",
    "Remnant",
    "Revision",
    "Status",
    "StoredFile",
    "Suppression",
    "SuppressionReason",
    "Thread",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
