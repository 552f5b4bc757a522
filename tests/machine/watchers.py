"""Who watches what is not at its end: each state, and each moment in which something is due, has one sweeper."""

from __future__ import annotations

END = "at its end"
PERSON = "a person, who finds it in a list"
READER = "nobody: over by time, wherever it is read"
NEVER = "nobody: it lives inside of one transaction, or is not built yet"
TELLER = "the process that tells webhooks (messaging/webhooks)"

DRAIN, REAP = "messaging.drain_outbox", "messaging.take_back_overdue"
EXPIRE, RETURNED, RELEASE = "oversight.expire_reviews", "oversight.expire_returned", "oversight.release_approved"
INTAKE, SETTLE_HELD, UNLOCK = "messaging.process_intake", "messaging.settle_held", "messaging.unlock_withheld"
NOTICES, BATCHES, COPY = "oversight.send_notices", "oversight.run_batches", "oversight.copy_monitored"
DEPARTED, ERASE, REVOKED = "oversight.cancel_departed", "oversight.erase_departed", "oversight.settle_revoked_keys"
FILES, DOMAINS, BILLING = "messaging.sweep_files", "messaging.check_domains", "billing.reconcile"
SECRETS = "messaging.forget_ended_secrets"
ACTS, PEOPLE, TRUST = "oversight.tell_acts", "oversight.tell_people", "oversight.look_at_trust"
BACK_TESTS, AUDITS = "oversight.run_back_tests", "oversight.check_audits"
DEMOTIONS, TRUST_NOTICES = "oversight.settle_demotions", "oversight.send_trust_notices"

# Every state of everything that has a life, by model, column and value.
STATES: dict[str, dict[str, str]] = {
    "Message.status": {
        "accepted": NEVER, "scheduled": NEVER, "arrived": NEVER,
        "queued": DRAIN, "held": EXPIRE, "sending": REAP, "returned": RETURNED,
        # The machine stays away from what may have left; a late answer, or a report, says more.
        "unknown": END,
        "refused": END, "sent": END, "failed": END, "rejected": END, "expired": END, "cancelled": END, "released": END,
    },
    "Recipient.state": {
        "waiting": DRAIN, "deferred": DRAIN, "sending": REAP, "unknown": END,
        "sent": END, "delivered": END, "bounced": END, "complained": END, "failed": END, "cancelled": END,
    },
    "Attempt.phase": {"started": REAP, "data": REAP, "answered": REAP, "finished": END},
    "DeadLetter.end": {"": PERSON, "requeued": END, "dropped": END},
    "Review.state": {
        "open": EXPIRE, "approved": RELEASE, "returned": RETURNED,
        "rejected": END, "expired": END, "cancelled": END,
    },
    "BatchItem.outcome": {"": BATCHES, "done": END, "skipped": END},
    "Permit.state": {"waiting": READER, "granted": READER, "used": ACTS, "done": ACTS, "refused": END, "replaced": END},
    "Suggestion.state": {"open": TRUST, "accepted": END, "declined": END, "lapsed": END},
    "WebhookDelivery.status": {"PENDING": TELLER, "DELIVERED": END, "FAILED": END},
    "Domain.status": {"PENDING_VERIFICATION": DOMAINS, "DNS_VERIFIED": DOMAINS, "VERIFIED": DOMAINS, "FAILED": DOMAINS},
    "Checkout.state": {"open": BILLING, "completed": END, "declined": END, "expired": END, "failed": END},
}  # fmt: skip

# Columns with a choice that are no life: kinds, wishes, and switches that people and verbs set.
KINDS = {
    "Member.role", "ApiKey.environment", "DkimKey.algorithm", "Limit.kind", "Usage.kind", "Mailbox.mode",
    "Mailbox.floor", "Mailbox.status", "Stop.scope", "SupportTicket.category", "Message.direction",
    "Suppression.reason", "WebhookEndpoint.status", "Review.risk", "Decision.kind", "Decision.door", "Batch.door",
    "Batch.kind", "Desk.claims", "NoticeSettings.style", "Checkout.period", "Checkout.via", "Subscription.period",
    "Account.revoked_key_mail", "Demotion.cause", "Demotion.from_mode", "Demotion.to_mode", "Suggestion.from_mode",
    "Suggestion.to_mode",
}  # fmt: skip

# Every column that says when something is due, or until when it is good.
MOMENTS: dict[str, str] = {
    "Recipient.next_at": DRAIN, "Attempt.lease_until": REAP,
    "Review.expires_at": EXPIRE, "Review.release_at": RELEASE, "Review.notice_at": NOTICES,
    "NoticeSettings.next_mail_at": NOTICES, "Copy.due_at": COPY, "RawMessage.due_at": INTAKE,
    "Erasure.due_at": ERASE, "Remnant.due_at": FILES, "Domain.check_due_at": DOMAINS,
    "Checkout.next_check_at": BILLING, "Subscription.next_check_at": BILLING, "Ending.next_check_at": BILLING,
    "Checkout.expires_at": BILLING, "WebhookEndpoint.previous_until": SECRETS,
    "WebhookDelivery.next_at": TELLER, "WebhookDelivery.leased_until": TELLER,
    "Review.claimed_until": READER, "Review.snoozed_until": READER, "ApiKey.expires_at": READER,
    "Permit.expires_at": READER, "ApiSession.expires_at": READER, "CodeTries.locked_until": READER,
    "Domain.claimed_until": DOMAINS, "DueNotice.due_at": PEOPLE, "BackTest.leased_until": BACK_TESTS,
}  # fmt: skip

# What waits by being there at all, or by what stands beside it.
ROWS = {
    "mail of a mailbox that was deleted": DEPARTED,
    "a revoked key": REVOKED,
    "mail that waits though its mailbox is active": SETTLE_HELD,
    "mail withheld over a limit that has room": UNLOCK,
    "what is to set a mailbox back, and its queued mail": DEMOTIONS,
    "a suggestion or demotion that nobody was told of": TRUST_NOTICES,
    "a log that people asked about": AUDITS,
}

# Sweepers that find nothing stuck: they forget what is old, judge, or sign.
HOUSEKEEPING = {
    "oversight.forget_old_calls", "oversight.forget_old_answers", "messaging.judge_senders",
    "messaging.forget_unsent_files", "oversight.sign_heads",
}  # fmt: skip
