"""All that one needs to know before deciding on a message, gathered in few queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Left
from django.urls import reverse

from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import DomainStatus, MailboxStatus
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal
from messaging.models import Direction, Message, Revision, Status
from messaging.visibility import NOT_WITHHELD
from oversight import decisions, reviews
from oversight.models import Decision, Evaluation, Review, ReviewState

from .cards import Check, Initiator, Person, Signal, Snippet, ThreadCard
from .visit import Visit

SNIPPET = 400
THREAD_MESSAGES = 5
RULE_NAMES = {"oversight_mode": "Oversight mode"}


@dataclass(frozen=True, slots=True)
class ReviewCard:
    """Context variable `review` of the detail page and its decision bar."""

    id: UUID
    version: int
    state: str
    subject: str
    reason_text: str
    reason_detail: str
    expires_at: datetime
    recipients: list[Person]
    allowed_actions: tuple[str, ...]
    refusal: str = ""
    undo_seconds: int = 0
    signals: tuple[Signal, ...] = ()
    risk: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    release_at: datetime | None = None
    reason_label: str = ""
    note: str = ""

    @property
    def recipient_count(self) -> int:
        return len(self.recipients)


def get_review(actor: Principal, review_id: object) -> Review:
    """One review in the actor's scope, with the sealed bytes as `raw`, the policy's `trace` and, of a decision that was
    made, the reason as `decided_for`. Raises NotFound."""
    newest = Evaluation.objects.filter(message=OuterRef("message")).order_by("-evaluated_at")
    decided = Decision.objects.filter(review=OuterRef("pk")).order_by("-version")
    found: Review | None = (
        _with_sender(reviews.visible(actor), "message__")
        .annotate(
            raw=_sealed("message"),
            trace=Subquery(newest.values("trace")[:1]),
            decided_for=Subquery(decided.values("reason")[:1]),
        )
        .select_related("mailbox")
        .filter(pk=parse_id(review_id))
        .first()
    )
    if found is None:
        raise NotFound("review")
    return found


def get_message(actor: Principal, message_id: object) -> Message:
    """One message in the actor's scope, with the sealed bytes as `raw` (None for received mail). Raises NotFound."""
    found_in = Message.objects.filter(NOT_WITHHELD, account=actor.account, mailbox__in=actor.mailboxes())
    visible = found_in.exclude(status=Status.REFUSED)
    newest = Evaluation.objects.filter(message=OuterRef("pk")).order_by("-evaluated_at")
    found: Message | None = (
        _with_sender(visible, "")
        .annotate(raw=_sealed("pk"), trace=Subquery(newest.values("trace")[:1]))
        .filter(pk=parse_id(message_id))
        .first()
    )
    if found is None:
        raise NotFound("message")
    return found


def _with_sender(found: QuerySet[Any], path: str) -> QuerySet[Any]:
    related = ("agent", "key", "member__user", "thread", "mailbox__domain")
    return found.select_related(*(f"{path}{name}" for name in related))


def _sealed(message: str) -> Subquery:
    current = Revision.objects.filter(message=OuterRef(message))
    version = OuterRef("message__current_version" if message == "message" else "current_version")
    return Subquery(current.filter(version=version).values("raw")[:1])


def review_card(review: Review, visit: Visit, *, people: list[Person], signals: Sequence[Signal] = ()) -> ReviewCard:
    """The review as it stands for this member at this moment."""
    is_over = review.state == ReviewState.OPEN and review.expires_at <= visit.now
    rejected_for = getattr(review, "decided_for", "") if review.state == ReviewState.REJECTED else ""
    return ReviewCard(
        id=review.pk,
        version=review.version,
        state=ReviewState.EXPIRED if is_over else review.state,
        subject=review.message.subject,
        reason_text=review.reason_text,
        reason_detail=_why(review),
        expires_at=review.expires_at,
        recipients=people,
        allowed_actions=allowed_actions(review, visit),
        refusal="" if visit.member.may_decide else "You may look at this; deciding needs the role of a reviewer.",
        undo_seconds=settings.UNDO_SECONDS,
        signals=tuple(signals),
        decided_by=review.decided_by,
        decided_at=review.decided_at,
        release_at=review.release_at,
        reason_label=decisions.REJECT_REASONS.get(rejected_for, rejected_for),
        note=review.note,
    )


def allowed_actions(review: Review, visit: Visit) -> tuple[str, ...]:
    """What this member may do with the review now."""
    if not decisions.may_decide(review, principal=visit.actor):
        return ()
    if review.state == ReviewState.OPEN and review.expires_at > visit.now:
        return ("approve", "reject")
    is_leaving = review.state == ReviewState.APPROVED and review.release_at and review.release_at > visit.now
    return ("undo",) if is_leaving and settings.UNDO_SECONDS else ()


def thread_around(message: Message, *, limit: int = THREAD_MESSAGES) -> tuple[ThreadCard, dict[str, datetime]]:
    """The last messages of the thread, oldest first, and when each outside address last wrote into it."""
    thread = message.thread
    if thread is None:
        return ThreadCard(), {}
    others = (
        Message.objects.filter(NOT_WITHHELD, thread=thread)
        .exclude(Q(pk=message.pk) | Q(status=Status.REFUSED))
        .order_by("-created_at")
        .values("from_name", "from_address", "direction", "created_at", "status", text=Left("body_text", SNIPPET))
    )
    found = list(others[:limit])
    replies: dict[str, datetime] = {}
    for line in found:
        if line["direction"] == Direction.INBOUND:
            replies.setdefault(line["from_address"], line["created_at"])
    snippets = [
        Snippet(
            from_name=line["from_name"] or line["from_address"],
            direction=line["direction"],
            at=line["created_at"],
            snippet=" ".join(line["text"].split()),
            state=line["status"],
        )
        for line in reversed(found)
    ]
    return ThreadCard(reverse("console:thread", args=[thread.pk]), thread.message_count, snippets), replies


def initiator(message: Message) -> Initiator:
    """Who asked for it, and by which door."""
    author = message.member.user.name or message.member.user.email if message.member else ""
    return Initiator(
        agent_name=message.agent.name if message.agent else author or message.from_address,
        mailbox_address=message.mailbox.full_address,
        mailbox_mode=message.mailbox.mode,
        requested_at=message.created_at,
        key_prefix=message.key.prefix if message.key else "",
        key_revoked_at=message.key.revoked_at if message.key else None,
        channel="the API" if message.key else "",
    )


def readiness(message: Message, visit: Visit) -> list[Check]:
    """What would keep a cleared mail from leaving now."""
    domain = message.mailbox.domain
    checks = [
        Check(True, f"{domain.name} is verified")
        if domain.status == DomainStatus.VERIFIED and domain.frozen_at is None
        else Check(False, f"{domain.name} is frozen until its DNS shows again whose it is: it would wait")
        if domain.frozen_at is not None
        else Check(False, f"{domain.name} is not verified: it would not leave")
    ]
    if message.mailbox.status != MailboxStatus.ACTIVE:
        checks.append(Check(False, "The mailbox is paused: it would wait"))
    if visit.member.account.stopped_at:
        checks.append(Check(False, "All sending is stopped: it would wait until somebody resumes it"))
    return checks


def _why(review: Review) -> str:
    trace: list[dict[str, Any]] = getattr(review, "trace", None) or []
    deciding = next((line for line in trace if line.get("code") == review.reason_code), None)
    rule = (
        f"{RULE_NAMES.get(deciding['rule'], deciding['rule'])}, rule version {deciding['version']}. "
        if deciding
        else ""
    )
    asked, own = review.message.oversight_mode, review.mailbox.mode
    if asked != own and asked in (OversightMode.GATED_SEND, OversightMode.GATED_ALL):
        return f"{rule}The agent asked for this itself: the mailbox is {own} now."
    return f"{rule}Mail of a monitored or autonomous mailbox would have left by itself."
