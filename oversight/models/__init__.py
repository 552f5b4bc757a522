"""What waits for people, and what they decided."""

from .decision import Decision, DecisionKind, Door
from .policy import Evaluation
from .review import Review, ReviewState
from .rule_set import RuleSet, RuleSetVersion

__all__ = [
    "Decision",
    "DecisionKind",
    "Door",
    "Evaluation",
    "Review",
    "ReviewState",
    "RuleSet",
    "RuleSetVersion",
]
