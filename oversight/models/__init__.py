"""What waits for people, and what they decided."""

from .decision import Decision, DecisionKind, Door
from .notices import AccountNotices, NoticeSettings, NoticeStyle
from .permit import Permit, PermitState
from .policy import Evaluation
from .review import Review, ReviewState
from .revoked_key import RevokedKey

__all__ = [
    "AccountNotices",
    "Decision",
    "DecisionKind",
    "Door",
    "Evaluation",
    "NoticeSettings",
    "NoticeStyle",
    "Permit",
    "PermitState",
    "Review",
    "ReviewState",
    "RevokedKey",
]
