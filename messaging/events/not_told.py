"""The kinds of events that no agent is told, and why: whatever is recorded is either here or in the catalog."""

from __future__ import annotations

# A name that ends with a dot stands for all that begin with it.
NOT_TOLD = {
    "account.created": "Older than every listener of the account.",
    "account.verification_requested": "How a human proves an address is theirs alone.",
    "account.email_verified": "As above.",
    "account.welcome_requested": "A mail of the house to a human.",
    "account.oversight_email_asked": "As below.",
    "account.oversight_email_dropped": "As below.",
    "account.revoked_key_mail_changed": "What its people choose for the account.",
    "account.second_step_required": "What an owner asks of the people of the account.",
    "account.operator_approval_changed": "As above.",
    "account.audit_exported": "What its people take away is theirs.",
    "account.exported": "What its owner takes away is the owner's.",
    "account.deleted": "Nobody is left to listen.",
    "account.oversight_email_changed": "Where the humans watch from is theirs.",
    "billing.": "Between the account's humans and their bank.",
    "limit.changed": "Follows from the plan; GET /v1/account tells limits.",
    "member.": "The people who watch over agents are not told about to them.",
    "message.refused": "Answered with 403 when it was asked; no agent sees it listed.",
    "message.viewed_by_operator": "For the account's humans: the operator's looks are theirs to judge.",
    "notices.": "How an account's people hear of what waits.",
    "platform.": "The house's own.",
    "policy.": "Rules are for the people who watch over agents; an agent is told what they make of its message.",
    "review.batch_started": "How people go about their work; each decision of a batch is told.",
    "review.batch_finished": "As above.",
    "review.claims_changed": "As above.",
    "review.snoozed": "As above.",
    "review.woken": "As above.",
    "trust.": "What is suggested to people about an agent is not for its ears.",
    "support.": "Between the account's humans and the operator.",
}
