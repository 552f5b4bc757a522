"""What waits for people, and what they decided."""

from .back_test import BackTest
from .batch import Batch, BatchItem, BatchKind, ItemOutcome
from .copy import Copy
from .decision import Decision, DecisionKind, Door
from .desk import Claims, Desk, Viewing
from .edit import Edit
from .notices import AccountNotices, DueNotice, NoticeSettings, NoticeStyle
from .permit import Permit, PermitState
from .policy import Evaluation
from .review import Review, ReviewState
from .revoked_key import RevokedKey
from .rule_set import RuleSet, RuleSetVersion
from .trust import Demotion, DemotionCause, Suggestion, SuggestionState

__all__ = [
    "AccountNotices",
    "BackTest",
    "Batch",
    "BatchItem",
    "BatchKind",
    "Claims",
    "Copy",
    "Decision",
    "DecisionKind",
    "Demotion",
    "DemotionCause",
    "Desk",
    "Door",
    "DueNotice",
    "Edit",
    "Evaluation",
    "ItemOutcome",
    "NoticeSettings",
    "NoticeStyle",
    "Permit",
    "PermitState",
    "Review",
    "ReviewState",
    "RevokedKey",
    "RuleSet",
    "RuleSetVersion",
    "Suggestion",
    "SuggestionState",
    "Viewing",
]
