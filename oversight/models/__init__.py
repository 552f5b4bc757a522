"""What waits for people, and what they decided."""

from .decision import Decision, DecisionKind, Door
from .permit import Permit, PermitState
from .policy import Evaluation
from .review import Review, ReviewState

__all__ = ["Decision", "DecisionKind", "Door", "Evaluation", "Permit", "PermitState", "Review", "ReviewState"]
