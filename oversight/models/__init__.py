"""What waits for people, and what they decided."""

from .batch import Batch, BatchItem, BatchKind, ItemOutcome
from .decision import Decision, DecisionKind, Door
from .desk import Claims, Desk, Viewing
from .permit import Permit, PermitState
from .policy import Evaluation
from .review import Review, ReviewState

__all__ = [
    "Batch",
    "BatchItem",
    "BatchKind",
    "Claims",
    "Decision",
    "DecisionKind",
    "Desk",
    "Door",
    "Evaluation",
    "ItemOutcome",
    "Permit",
    "PermitState",
    "Review",
    "ReviewState",
    "Viewing",
]
