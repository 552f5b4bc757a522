"""The contract's objects, field by field (its section 3), and a checker that names the first member that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

Check = Callable[[Any], bool]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True)
class Kind:
    """A type of the wire: its name, and whether a value is of it."""

    name: str
    check: Check


@dataclass(frozen=True)
class Maybe:
    """Null, or as `shape` says."""

    shape: Any


@dataclass(frozen=True)
class Absent:
    """Must not be there."""


def is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


TEXT = Kind("string", lambda value: isinstance(value, str))
WHOLE = Kind("integer", lambda value: isinstance(value, int) and not isinstance(value, bool))
FLAG = Kind("boolean", lambda value: isinstance(value, bool))
ID = Kind("UUID", is_uuid)
ANY = Kind("anything", lambda value: True)
MOMENT = Kind("moment with milliseconds and Z", lambda value: isinstance(value, str) and bool(TIME.fullmatch(value)))
EMAIL = Kind("address", lambda value: isinstance(value, str) and value.count("@") == 1)
ANYTHING = Kind("anything", lambda _: True)


def one_of(*values: object) -> Kind:
    return Kind(f"one of {values}", lambda value: value in values)


def pairs() -> Kind:
    return Kind(
        "object of strings", lambda value: isinstance(value, dict) and all(TEXT.check(one) for one in value.values())
    )


REASON = {"code": TEXT, "text": TEXT}
AGENT = {"id": ID, "name": TEXT}

MAILBOX = {
    "id": ID,
    "userId": TEXT,
    "domainId": Maybe(ID),
    "address": TEXT,
    "fullAddress": EMAIL,
    "displayName": Maybe(TEXT),
    "dailySendCount": WHOLE,
    "dailySendLimit": WHOLE,
    "monthlySendCount": WHOLE,
    "monthlySendLimit": WHOLE,
    "status": one_of("ACTIVE", "PAUSED", "SUSPENDED"),
    "pausedByBilling": FLAG,
    "stalwartProvisioned": one_of(True),
    "suspendedAt": Maybe(MOMENT),
    "suspendedReason": Maybe(TEXT),
    "suspensionIncidentId": Maybe(TEXT),
    "createdAt": MOMENT,
    "updatedAt": MOMENT,
    "mode": one_of("read_only", "gated_all", "gated_send", "monitored", "autonomous"),
    "floor": Maybe(one_of("read_only", "gated_all", "gated_send", "monitored", "autonomous")),
    "agent": Maybe(AGENT),
    "metadata": pairs(),
}

ATTACHMENT = {
    "id": ID,
    "messageId": Maybe(ID),
    "userId": TEXT,
    "filename": TEXT,
    "contentType": TEXT,
    "sizeBytes": WHOLE,
    "r2Key": TEXT,
    "contentId": Maybe(TEXT),
    "createdAt": MOMENT,
}

RECIPIENT = {
    "address": EMAIL,
    "kind": one_of("to", "cc", "bcc"),
    "state": TEXT,
    "code": Maybe(TEXT),
    "text": Maybe(TEXT),
    "nextAttemptAt": Maybe(MOMENT),
}

REVIEW = {
    "id": ID,
    "state": one_of("open", "approved", "rejected", "returned", "expired", "cancelled"),
    "reason": REASON,
    "version": WHOLE,
    "openedAt": MOMENT,
    "expiresAt": MOMENT,
    "decidedAt": Maybe(MOMENT),
    "decidedBy": Maybe(TEXT),
    "note": Maybe(TEXT),
    "revision": WHOLE,
    "peopleNeeded": WHOLE,
    "approvals": [{"by": TEXT, "at": MOMENT}],
    "instructions": Maybe(TEXT),
    "edits": [{"revision": WHOLE, "field": TEXT, "old": ANY, "new": ANY, "by": Maybe(TEXT), "at": MOMENT}],
}

PLAIN_MESSAGE = {
    "id": ID,
    "mailboxId": ID,
    "direction": one_of("INBOUND", "OUTBOUND"),
    "messageId": Kind("Message-ID", lambda value: isinstance(value, str) and value[0] + value[-1] == "<>"),
    "inReplyTo": Maybe(TEXT),
    "threadId": Maybe(ID),
    "fromAddress": EMAIL,
    "toAddresses": [EMAIL],
    "ccAddresses": [EMAIL],
    "bccAddresses": [EMAIL],
    "subject": TEXT,
    "bodyText": TEXT,
    "bodyHtml": Maybe(TEXT),
    "headers": Kind("object", lambda value: isinstance(value, dict)),
    "status": one_of("QUEUED", "SENT", "DELIVERED", "BOUNCED", "COMPLAINED", "FAILED", "RECEIVED"),
    "externalMessageId": Maybe(TEXT),
    "hasAttachments": FLAG,
    "attachmentsDropped": FLAG,
    "attachmentsDroppedReason": Maybe(one_of("size", "count", "both")),
    "eventDispatchedAt": Maybe(MOMENT),
    "overLimit": FLAG,
    "overLimitReason": Maybe(one_of("MONTHLY", "TRIAL")),
    "pendingSseEventData": one_of(None),
    "createdAt": MOMENT,
    "receivedAt": Maybe(MOMENT),
    "state": TEXT,
    "stateReason": Maybe(REASON),
    "recipients": [RECIPIENT],
    "replyTo": Maybe(TEXT),
    "metadata": pairs(),
    "tags": [TEXT],
    "provenance": Maybe(one_of("human", "schedule", "inbound", "unknown")),
    "triggerId": Maybe(ID),
    "answers": Maybe({"id": ID, "messageId": TEXT, "metadata": pairs(), "tags": [TEXT]}),
}
SENT_MESSAGE = PLAIN_MESSAGE | {"review": Maybe(REVIEW), "droppedHeaders": [TEXT], "attachments": Absent()}
MESSAGE = PLAIN_MESSAGE | {"review": Maybe(REVIEW), "attachments": [ATTACHMENT]}
STOP = {
    "id": ID,
    "scope": one_of("everything", "account", "mailbox", "agent", "key"),
    "subjectId": Maybe(ID),
    "subject": Maybe(TEXT),
    "reason": Maybe(TEXT),
    "by": TEXT,
    "stoppedAt": MOMENT,
    "resumedAt": Maybe(MOMENT),
    "resumedBy": Maybe(TEXT),
}
REVIEW_DETAIL = REVIEW | {
    "message": PLAIN_MESSAGE | {"attachments": [ATTACHMENT]},
    "mailboxId": ID,
    "agent": Maybe(AGENT),
    "seal": TEXT,
    "lane": Maybe(TEXT),
    "risk": one_of("low", "medium", "high"),
    "allowedActions": [one_of("approve", "reject", "edit", "request_changes", "undo")],
    "claim": Maybe({"by": TEXT, "memberId": ID, "until": MOMENT}),
    "snoozedUntil": Maybe(MOMENT),
    "groupId": Maybe(TEXT),
}
REASON_OF_GROUP = {"code": TEXT, "text": TEXT}
GROUP = {
    "id": TEXT,
    "size": WHOLE,
    "expiresAt": MOMENT,
    "reason": REASON_OF_GROUP,
    "subject": TEXT,
    "mailboxId": ID,
    "agentId": Maybe(ID),
}
GROUP_MEMBER = {
    "id": ID,
    "version": WHOLE,
    "risk": one_of("low", "medium", "high"),
    "expiresAt": MOMENT,
    "recipients": [EMAIL],
    "values": [TEXT],
    "differs": TEXT,
    "leftOut": TEXT,
    "openedByMe": FLAG,
}
GROUP_DETAIL = {"id": TEXT, "size": WHOLE, "samplesNeeded": WHOLE, "samples": [ID], "members": [GROUP_MEMBER]}
BATCH_ITEM = {"reviewId": ID, "version": WHOLE, "outcome": Maybe(TEXT), "code": Maybe(TEXT), "text": Maybe(TEXT)}
BATCH = {
    "id": ID,
    "kind": one_of("approve", "reject"),
    "size": WHOLE,
    "done": WHOLE,
    "skipped": WHOLE,
    "summary": TEXT,
    "createdAt": MOMENT,
    "finishedAt": Maybe(MOMENT),
    "items": [BATCH_ITEM],
    "nextCursor": Maybe(ID),
}
DEAD_LETTER = {
    "id": ID,
    "messageId": ID,
    "mailboxId": ID,
    "subject": TEXT,
    "recipient": EMAIL,
    "cause": one_of("gave_up", "attempt_refused"),
    "code": TEXT,
    "text": TEXT,
    "attempts": WHOLE,
    "diedAt": MOMENT,
    "end": Maybe(TEXT),
}

OBJECT = Kind("object", lambda value: isinstance(value, dict))
RULE = OBJECT
RULES_VERSION = {
    "number": WHOLE,
    "rules": [RULE],
    "note": TEXT,
    "copyOf": Maybe(WHOLE),
    "madeBy": TEXT,
    "madeAt": MOMENT,
    "isLive": FLAG,
    "warnings": [{"rule": TEXT, "field": TEXT, "text": TEXT}],
}
RULE_SET = {
    "scope": one_of("account", "mailbox"),
    "mailboxId": Maybe(ID),
    "latest": WHOLE,
    "live": Maybe(WHOLE),
    "liveSince": Maybe(MOMENT),
    "liveBy": Maybe(TEXT),
    "rules": [RULE],
}
JUDGED = {"outcome": TEXT, "code": TEXT, "lane": TEXT, "people": WHOLE, "risk": TEXT}
BACK_TEST = {
    "id": ID,
    "version": WHOLE,
    "state": one_of("running", "finished", "failed"),
    "failure": TEXT,
    "days": WHOLE,
    "since": MOMENT,
    "askedAt": MOMENT,
    "finishedAt": Maybe(MOMENT),
    "total": WHOLE,
    "lookedAt": WHOLE,
    "isWhole": FLAG,
    "changed": WHOLE,
    "moves": [{"before": TEXT, "after": TEXT, "count": WHOLE}],
    "rejected": WHOLE,
    "changes": [
        {
            "messageId": ID,
            "mailboxId": ID,
            "createdAt": MOMENT,
            "before": JUDGED,
            "after": JUDGED,
            "wasRejected": FLAG,
        }
    ],
}
TIMELINE_STEP = {
    "at": MOMENT,
    "kind": TEXT,
    "text": TEXT,
    "data": Kind("object", lambda value: isinstance(value, dict)),
}
TIMELINE = {"timeline": [TIMELINE_STEP], "complete": FLAG, "hasMore": FLAG}

GROUND = {"code": TEXT, "text": TEXT}
TRUST = {
    "mailboxId": ID,
    "mode": TEXT,
    "modeSince": MOMENT,
    "floor": Maybe(TEXT),
    "nextMode": Maybe(TEXT),
    "missing": [GROUND],
    "against": [GROUND],
    "record": Maybe(ANY),
    "suggestion": Maybe(ANY),
    "demotions": [{"cause": TEXT, "reason": TEXT, "toMode": TEXT, "at": MOMENT}],
    "heldAtEveryRung": Maybe(ANY),
}

THREAD = {
    "id": ID,
    "mailboxId": ID,
    "subject": TEXT,
    "messageCount": WHOLE,
    "lastMessageAt": MOMENT,
    "participants": [TEXT],
    "createdAt": MOMENT,
}

WEBHOOK = {
    "id": ID,
    "userId": TEXT,
    "mailboxId": Maybe(ID),
    "url": TEXT,
    "events": [one_of("message.received", "message.sent", "message.delivered", "message.bounced", "message.complaint")],
    "tags": [TEXT],
    "ordered": FLAG,
    "headers": Maybe(pairs()),
    "status": one_of("ACTIVE", "PAUSED", "FAILED"),
    "failureCount": WHOLE,
    "failingSince": Maybe(MOMENT),
    "pendingCount": WHOLE,
    "waitingSince": Maybe(MOMENT),
    "secretRotatedAt": MOMENT,
    "previousSecretUntil": Maybe(MOMENT),
    "lastTriggeredAt": Maybe(MOMENT),
    "createdAt": MOMENT,
    "updatedAt": MOMENT,
}
PLAIN_WEBHOOK = WEBHOOK | {"secret": Absent()}
WEBHOOK_DELIVERY = {
    "id": ID,
    "event": TEXT,
    "eventId": ID,
    "responseStatus": Maybe(WHOLE),
    "code": TEXT,
    "status": one_of("PENDING", "DELIVERED", "FAILED"),
    "attempts": WHOLE,
    "attemptedAt": Maybe(MOMENT),
    "nextRetryAt": Maybe(MOMENT),
    "createdAt": MOMENT,
}
WEBHOOK_TRY = {
    "number": WHOLE,
    "startedAt": MOMENT,
    "durationMs": WHOLE,
    "responseStatus": Maybe(WHOLE),
    "code": TEXT,
}
WEBHOOK_DELIVERY_DETAIL = WEBHOOK_DELIVERY | {
    "tries": [WEBHOOK_TRY],
    "payload": Maybe({"id": ID, "event": TEXT, "timestamp": MOMENT, "data": ANYTHING}),
}

SUPPRESSION = {"id": ID, "email": EMAIL, "reason": one_of("BOUNCE", "COMPLAINT", "MANUAL"), "createdAt": MOMENT}
MX_RECORD = {"type": one_of("MX"), "host": TEXT, "value": TEXT, "priority": WHOLE}
TXT_RECORD = {"type": one_of("TXT", "CNAME"), "host": TEXT, "value": TEXT, "priority": Absent()}
DNS_RECORDS = {
    "mx": MX_RECORD,
    "sendMx": MX_RECORD,
    "spf": TXT_RECORD,
    "dkim": [TXT_RECORD],
    "dmarc": TXT_RECORD,
    "ownership": TXT_RECORD,
}
RECORD_CHECK = {
    "record": one_of("ownership", "mx", "sendMx", "spf", "dkim", "dmarc"),
    "type": one_of("MX", "TXT"),
    "host": TEXT,
    "wanted": TEXT,
    "found": [TEXT],
    "ok": FLAG,
    "known": FLAG,
    "problem": Maybe(TEXT),
}
DOMAIN = {
    "id": ID,
    "userId": TEXT,
    "domain": TEXT,
    "status": one_of("PENDING_VERIFICATION", "DNS_VERIFIED", "VERIFIED", "FAILED"),
    "mxVerified": FLAG,
    "spfVerified": FLAG,
    "dkimVerified": FLAG,
    "dmarcVerified": FLAG,
    "dkimPublicKey": Maybe(TEXT),
    "dkimSelector": Maybe(TEXT),
    "externalDomainId": Maybe(TEXT),
    "stalwartProvisioned": FLAG,
    "createdAt": MOMENT,
    "updatedAt": MOMENT,
    "ownershipVerified": FLAG,
    "checks": [RECORD_CHECK],
    "checkedAt": Maybe(MOMENT),
    "verifiedAt": Maybe(MOMENT),
    "drifted": FLAG,
    "frozenAt": Maybe(MOMENT),
    "dkimKeys": [{"selector": TEXT, "algorithm": TEXT, "state": one_of("waiting", "signing", "published")}],
}
VERIFICATION = {"mx": FLAG, "spf": FLAG, "dkim": FLAG, "dmarc": FLAG, "allVerified": FLAG}

RECEIVED_EVENT = {
    "id": ID,
    "event": one_of("message.received"),
    "timestamp": MOMENT,
    "data": {
        "message_id": ID,
        "mailbox_id": ID,
        "mailbox_address": EMAIL,
        "rfc_message_id": TEXT,
        "from": EMAIL,
        "to": [EMAIL],
        "cc": [EMAIL],
        "subject": TEXT,
        "body_text": TEXT,
        "body_html": Maybe(TEXT),
        "thread_id": Maybe(ID),
        "in_reply_to": Maybe(TEXT),
        "headers": pairs(),
        "received_at": MOMENT,
        "attachments": [
            {
                "id": ID,
                "filename": TEXT,
                "content_type": TEXT,
                "size_bytes": WHOLE,
                "content_id": Maybe(TEXT),
                "download_url": TEXT,
            }
        ],
        "metadata": pairs(),
        "tags": [TEXT],
        "answers": Maybe({"message_id": ID, "rfc_message_id": TEXT, "metadata": pairs(), "tags": [TEXT]}),
    },
}

KEY = {"id": TEXT, "name": Maybe(TEXT), "prefix": Maybe(TEXT), "createdAt": MOMENT, "enabled": FLAG}
# Ours: the contract knows no calls.
CALL = {
    "id": ID,
    "at": MOMENT,
    "keyId": Maybe(ID),
    "actor": TEXT,
    "method": TEXT,
    "route": TEXT,
    "status": WHOLE,
    "durationMs": WHOLE,
    "subject": Maybe(TEXT),
    "requestId": TEXT,
}

LIST_METADATA = {
    "overLimitCount": WHOLE,
    "upgrade": {
        "browserUrl": TEXT,
        "apiEndpoint": {"method": one_of("POST"), "path": one_of("/v1/billing/upgrade")},
        "hint": TEXT,
    },
}

ACCOUNT = {
    "id": TEXT,
    "email": EMAIL,
    "emailVerified": FLAG,
    "slug": TEXT,
    "plan": TEXT,
    "billingPeriod": one_of("monthly", "annual"),
    "suspended": FLAG,
    "suspendedReason": Maybe(TEXT),
    "suspendedAt": Maybe(MOMENT),
    "storageUsedBytes": WHOLE,
    "storageLimitBytes": WHOLE,
    "mailboxCount": WHOLE,
    "activeMailboxCount": WHOLE,
    "sentToday": WHOLE,
    "sentThisMonth": WHOLE,
    "receivedToday": WHOLE,
    "bouncedToday": WHOLE,
    "monthlyInboundCount": WHOLE,
    "monthlyInboundLimit": WHOLE,
    "monthlyInboundPercentage": WHOLE,
    "monthlyInboundResetAt": MOMENT,
    "overLimitMessageCount": WHOLE,
    "billingLinked": FLAG,
    "annualAvailability": {"developer": FLAG, "growth": FLAG, "scale": FLAG},
    "trial": one_of(None),
}

CHECKOUT = {"checkout_url": TEXT, "expires_at": WHOLE, "message": TEXT}

SIGNUP = {
    "user": {"id": TEXT, "email": EMAIL, "slug": TEXT, "name": TEXT, "plan": one_of("free"), "platform_email": EMAIL},
    "api_key": {"key": TEXT, "prefix": TEXT, "name": one_of("default")},
    "mailbox": {"id": ID, "address": TEXT, "fullAddress": EMAIL, "status": one_of("ACTIVE")},
    "mailbox_limit": WHOLE,
    "daily_send_limit": WHOLE,
    "monthly_send_limit": WHOLE,
    "email_verified": one_of(False),
    "next_steps": {"verify_email": TEXT, "add_payment": TEXT, "add_domain": TEXT, "send_email": TEXT},
}


def wrong(value: Any, shape: Any, path: str = "answer") -> str | None:
    """What is wrong with `value`, or None. Members beyond the shape are allowed: the contract says so."""
    if isinstance(shape, Kind):
        return None if shape.check(value) else f"{path} is {value!r}, not {shape.name}"
    if isinstance(shape, Maybe):
        return None if value is None else wrong(value, shape.shape, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path} is {value!r}, not a list"
        found = (wrong(one, shape[0], f"{path}[{place}]") for place, one in enumerate(value))
        return next((problem for problem in found if problem), None)
    return _wrong_object(value, shape, path)


def _wrong_object(value: Any, shape: dict[str, Any], path: str) -> str | None:
    if not isinstance(value, dict):
        return f"{path} is {value!r}, not an object"
    for name, inner in shape.items():
        if isinstance(inner, Absent):
            problem = f"{path}.{name} should not be there" if name in value else None
        elif name not in value:
            problem = f"{path}.{name} is missing"
        else:
            problem = wrong(value[name], inner, f"{path}.{name}")
        if problem:
            return problem
    return None
