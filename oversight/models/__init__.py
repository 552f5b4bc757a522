"""What waits for people, and what they decided."""

from .decision import Decision, DecisionKind, Door
from .policy import Evaluation
from .review import Review, ReviewState
from .revoked_key import RevokedKey

__all__ = ["Decision", "DecisionKind", "Door", "Evaluation", "Review", "ReviewState", "RevokedKey"]
