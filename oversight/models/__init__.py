"""What waits for people, and what they decided."""

from .copy import Copy
from .decision import Decision, DecisionKind, Door
from .policy import Evaluation
from .review import Review, ReviewState

__all__ = ["Copy", "Decision", "DecisionKind", "Door", "Evaluation", "Review", "ReviewState"]
