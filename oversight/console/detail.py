"""All that one needs to know before deciding on a message, gathered in few queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Left
from django.urls import reverse

from mailboxes import second_factor
from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import DomainStatus, MailboxStatus
from mailboxes.principals import Principal
from messaging.models import Direction, Message, Revision, Status
from messaging.visibility import NOT_WITHHELD
from oversight import actions, claims, decisions, reviews
from oversight.models import Claims, Decision, Desk, Evaluation, Review, ReviewState

from . import standing, why
from .cards import Check, Initiator, Person, Signal, Snippet, ThreadCard
from .standing import Standing
from .visit import Visit

SNIPPET = 400
THREAD_MESSAGES = 5
PROVENANCE_WORDS = {"human": "a person's turn", "schedule": "its schedule", "inbound": "a received mail"}
GIVEN_REASONS = (ReviewState.REJECTED, ReviewState.RETURNED)
OWN_WORDS, OWN_WORDS_SHOWN = ("reason", "note"), 300  # keys of a message's metadata


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
    standing: Standing
    refusal: str = ""
    needs_second_step: bool = False
    undo_seconds: int = 0
    signals: tuple[Signal, ...] = ()
    risk: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    release_at: datetime | None = None
    reason_label: str = ""
    note: str = ""
    is_inbound: bool = False
    may_claim: bool = False
    is_claimed_by_me: bool = False

    @property
    def recipient_count(self) -> int:
        return len(self.recipients)


def get_review(actor: Principal, review_id: object) -> Review:
    """One review in the actor's scope, with the sealed bytes as `raw`, the policy's `trace` and, of a decision that was
    made, the reason as `decided_for`. Raises NotFound."""
    newest = Evaluation.objects.filter(message=OuterRef("message")).order_by("-evaluated_at")
    decided = Decision.objects.filter(review=OuterRef("pk")).order_by("-version")
    own = Desk.objects.filter(account=OuterRef("account"))
    found: Review | None = (
        _with_sender(reviews.visible(actor), "message__")
        .annotate(
            raw=_sealed("message"),
            trace=Subquery(newest.values("trace")[:1]),
            decided_for=Subquery(decided.values("reason")[:1]),
            claims=Coalesce(Subquery(own.values("claims")[:1]), Value(settings.CLAIMS)),
        )
        .select_related("mailbox", "claimed_by__user")
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
    decided_for = getattr(review, "decided_for", "") if review.state in GIVEN_REASONS else ""
    decided = standing.decisions_on(review)
    allowed = allowed_actions(review, visit, decided=decided)
    return ReviewCard(
        id=review.pk,
        version=review.version,
        state=ReviewState.EXPIRED if is_over else review.state,
        subject=review.message.subject,
        reason_text=review.reason_text,
        reason_detail=why.of(review),
        expires_at=review.expires_at,
        recipients=people,
        allowed_actions=allowed,
        standing=standing.of(review, visit, decided=decided),
        refusal="" if visit.member.may_decide else "You may look at this; deciding needs the role of a reviewer.",
        needs_second_step=second_factor.is_missing(visit.member.user, visit.member.account),
        undo_seconds=settings.UNDO_SECONDS,
        signals=tuple(signals),
        risk=review.risk,
        decided_by=review.decided_by,
        decided_at=review.decided_at,
        release_at=review.release_at,
        reason_label=decisions.REJECT_REASONS.get(decided_for, decided_for),
        note=review.note,
        is_inbound=review.message.direction == Direction.INBOUND,
        may_claim="reject" in allowed and getattr(review, "claims", Claims.OFF) != Claims.OFF,
        is_claimed_by_me=claims.holder(review, now=visit.now) == visit.member,
    )


def viewers(review: Review, visit: Visit) -> list[str]:
    """Who else looks at the review."""
    member = claims.holder(review, now=visit.now)
    return [member.user.name or member.user.email] if member and member != visit.member else []


def allowed_actions(review: Review, visit: Visit, *, decided: Sequence[Decision] = ()) -> tuple[str, ...]:
    """What this member may do with the review now, by its decisions so far as far as they matter."""
    is_leaving = review.release_at is not None and review.release_at > visit.now
    acts = actions.allowed(review, principal=visit.actor, decisions=decided, is_untouched=is_leaving, now=visit.now)
    return (*acts, "snooze") if "reject" in acts else tuple(acts)


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
    trigger = reverse("console:message", args=[message.trigger_id]) if message.trigger_id else ""
    return Initiator(
        agent_name=message.agent.name if message.agent else author or message.from_address,
        mailbox_address=message.mailbox.full_address,
        mailbox_mode=message.mailbox.mode,
        requested_at=message.created_at,
        key_prefix=message.key.prefix if message.key else "",
        key_revoked_at=message.key.revoked_at if message.key else None,
        channel="the API" if message.key else "",
        provenance=PROVENANCE_WORDS.get(message.provenance or "", "") if message.agent else "",
        trigger_url=trigger,
        note=_own_words(message),
    )


def _own_words(message: Message) -> str:
    """What the agent says for itself, where it says it: clipped, and shown as its claim, below the facts."""
    words = next((message.metadata[name] for name in OWN_WORDS if message.metadata.get(name)), "")
    text = " ".join(str(words).split())
    return text if len(text) <= OWN_WORDS_SHOWN else f"{text[:OWN_WORDS_SHOWN]}\N{HORIZONTAL ELLIPSIS}"


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
    stopped = visit.member.account.stopped_subjects or []
    if {message.mailbox_id, message.agent_id, message.key_id} & set(stopped):
        checks.append(Check(False, "Its mailbox, agent or key is stopped: it would wait until somebody resumes it"))
    if visit.member.account.stopped_at:
        checks.append(Check(False, "All sending is stopped: it would wait until somebody resumes it"))
    return checks
