"""The kinds of events that no agent is told, and why: whatever is recorded is either here or in the catalog."""

from __future__ import annotations

# A name that ends with a dot stands for all that begin with it.
NOT_TOLD = {
    "account.created": "Older than every listener of the account.",
    "account.verification_requested": "How a human proves an address is theirs alone.",
    "account.email_verified": "As above.",
    "account.welcome_requested": "A mail of the house to a human.",
    "account.exported": "What its owner takes away is the owner's.",
    "account.deleted": "Nobody is left to listen.",
    "billing.": "Between the account's humans and their bank.",
    "limit.changed": "Follows from the plan; GET /v1/account tells limits.",
    "member.": "The people who watch over agents are not told about to them.",
    "message.refused": "Answered with 403 when it was asked; no agent sees it listed.",
    "message.viewed_by_operator": "For the account's humans: the operator's looks are theirs to judge.",
    "notices.": "How an account's people hear of what waits.",
    "platform.": "The house's own.",
    "support.": "Between the account's humans and the operator.",
}
