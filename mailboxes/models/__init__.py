"""Who may act, on what, and what happened."""

from .account import Account, Member, Role, User
from .agent import Agent, ApiKey, Environment, Scope
from .departure import Erasure, Tombstone
from .domain import DkimKey, Domain, DomainStatus
from .epoch import Epoch
from .event import Event, EventCounter
from .idempotency import IdempotentAnswer
from .limit import CountKind, Limit, LimitKind, Usage
from .mailbox import Mailbox, MailboxStatus

__all__ = [
    "Account",
    "Agent",
    "ApiKey",
    "CountKind",
    "DkimKey",
    "Domain",
    "DomainStatus",
    "Environment",
    "Epoch",
    "Erasure",
    "Event",
    "EventCounter",
    "IdempotentAnswer",
    "Limit",
    "LimitKind",
    "Mailbox",
    "MailboxStatus",
    "Member",
    "Role",
    "Scope",
    "Tombstone",
    "Usage",
    "User",
]
