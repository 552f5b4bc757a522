"""Who may act, on what, and what happened."""

from .access import AccessEntry
from .account import Account, Member, RevokedKeyMail, Role, User
from .agent import Agent, ApiKey, Environment, Scope
from .audit_check import AuditCheck
from .departure import Erasure, Tombstone
from .domain import DkimAlgorithm, DkimKey, Domain, DomainStatus
from .epoch import Epoch
from .event import Event, EventCounter
from .idempotency import IdempotentAnswer
from .limit import CountKind, Limit, LimitKind, Usage
from .mailbox import Mailbox, MailboxStatus
from .second_factor import CodeTries
from .session import ApiSession
from .stop import Stop, StopScope, Switch
from .support import SupportCategory, SupportTicket

__all__ = [
    "AccessEntry",
    "Account",
    "Agent",
    "ApiKey",
    "ApiSession",
    "AuditCheck",
    "CodeTries",
    "CountKind",
    "DkimAlgorithm",
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
    "RevokedKeyMail",
    "Role",
    "Scope",
    "Stop",
    "StopScope",
    "SupportCategory",
    "SupportTicket",
    "Switch",
    "Tombstone",
    "Usage",
    "User",
]
