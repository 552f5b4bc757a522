"""What waits for people, and what they decided."""

from .decision import Decision, DecisionKind, Door
from .edit import Edit
from .policy import Evaluation
from .review import Review, ReviewState

__all__ = ["Decision", "DecisionKind", "Door", "Edit", "Evaluation", "Review", "ReviewState"]
