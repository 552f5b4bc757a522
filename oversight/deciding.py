"""How a person's act on a review begins and ends, whichever: who may, on which version, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from mailboxes import second_factor
from mailboxes.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from mailboxes.models import Member, Scope
from mailboxes.principals import Principal
from messaging.models import Message

from . import claims, reviews
from .models import Decision, DecisionKind, Door, Review, ReviewState

REASON_LENGTH = 60
NOTE_LENGTH = 4000
NO_FACTS: Mapping[str, object] = MappingProxyType({})
PAST = {
    DecisionKind.APPROVE: "approved",
    DecisionKind.REJECT: "rejected",
    DecisionKind.EDIT: "edited",
    DecisionKind.REQUEST_CHANGES: "returned",
    DecisionKind.UNDO: "undone",
}


class DecisionConflict(Conflict):
    """Somebody else was first, or the message is another than the one looked at. `review` is how it stands now."""

    def __init__(self, sentence: str, *, review: Review, code: str, fix: str = "") -> None:
        super().__init__(sentence, code=code, fix=fix)
        self.review = review


class ReviewOver(Gone):
    """The review expired: nothing was sent. `review` is how it stands now."""

    def __init__(self, review: Review) -> None:
        super().__init__("This review has expired; nothing was sent.", fix="Ask the agent to send again.")
        self.review = review


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A member who decides, the door they came in by, and when they last proved with a second step who they are."""

    principal: Principal
    door: Door
    second_step_at: datetime | None = None

    @property
    def member(self) -> Member:
        """Whoever has passed `lock` is one."""
        assert self.principal.member is not None
        return self.principal.member

    @property
    def name(self) -> str:
        return self.member.user.name or self.member.user.email


@dataclass(frozen=True, slots=True)
class Words:
    """What goes with a decision: a short code, new ones may come; and a note for the author."""

    reason: str = ""
    note: str = ""

    def check(self) -> None:
        if len(self.note) > NOTE_LENGTH:
            raise Invalid(f"A note has at most {NOTE_LENGTH} characters.", code="note_too_long", fix="Shorten it.")
        if len(self.reason) > REASON_LENGTH:
            raise Invalid(
                f"A reason has at most {REASON_LENGTH} characters.", code="reason_too_long", fix="Shorten it."
            )


NO_WORDS = Words()


def refusal(review: Review, *, principal: Principal) -> Forbidden | None:
    """Why this principal decides nothing about this review; None if it may."""
    member, author = principal.member, review.message
    if (member and author.member_id == member.pk) or (principal.agent and author.agent_id == principal.agent.pk):
        return Forbidden("Nobody decides on their own message.", code="own_message", fix="Ask a reviewer.")
    if member is None or Scope.DECIDE not in principal.scopes or not member.may_decide:
        return Forbidden(
            "Only a reviewer of the account decides; a key that sends never does.",
            code="may_not_decide",
            fix="Decide in the console, or with a member's decide key.",
        )
    if not member.user.is_proven_human:
        return Forbidden(
            "Set your password on our own page first: the one from signup is known to an agent.",
            code="password_not_proven",
            fix="Open the link in the verification mail.",
        )
    if second_factor.is_missing(member.user, principal.account):
        return Forbidden(
            "This account lets only members with a second step decide.",
            code="second_step_missing",
            fix="Switch yours on in the console, under Security.",
        )
    return None


def lock(review: Review, *, reviewer: Reviewer) -> Review:
    """The review, locked until the transaction ends, for whoever may decide it. Raises NotFound or Forbidden."""
    found = reviews.visible(reviewer.principal).select_for_update(of=("self",)).filter(pk=review.pk).first()
    if found is None:
        raise NotFound("review")
    # A statement of its own: what was joined to the lock would be as it was before the lock was waited for.
    [found.message] = Message.objects.select_related("mailbox", "agent").filter(pk=found.message_id)
    found.mailbox = found.message.mailbox
    refused = refusal(found, principal=reviewer.principal)
    if refused is not None:
        raise refused
    return found


def lock_open(review: Review, *, reviewer: Reviewer, version: int | None, now: datetime) -> Review:
    """As `lock`, of one that is open, in the version that the member saw. Raises DecisionConflict or ReviewOver."""
    locked = lock(review, reviewer=reviewer)
    if locked.state == ReviewState.EXPIRED or (locked.state == ReviewState.OPEN and locked.expires_at <= now):
        raise ReviewOver(locked)
    if locked.state != ReviewState.OPEN:
        raise DecisionConflict(
            f"This was {locked.state} already, by {locked.decided_by or 'the agent'}.",
            review=locked,
            code="already_decided",
            fix="Read the review again.",
        )
    check_version(locked, version)
    claims.check(locked, member=reviewer.member, now=now)
    return locked


def check_version(review: Review, version: int | None) -> None:
    if version is not None and version != review.version:
        raise DecisionConflict(
            "The review has changed since you looked at it.",
            review=review,
            code="stale_version",
            fix="Read it again and decide on the present version.",
        )


def decide(
    review: Review, kind: DecisionKind, *, reviewer: Reviewer, seal: str, words: Words = NO_WORDS, now: datetime
) -> Decision:
    """Keep the decision on the review's present version, which rises with it; the caller saves the review."""
    words.check()
    decision = Decision.objects.create(
        review=review,
        version=review.version,
        kind=kind,
        seal=seal,
        member=reviewer.member,
        key=reviewer.principal.key,
        door=reviewer.door,
        reason=words.reason,
        note=words.note,
        decided_at=now,
    )
    review.version += 1
    return decision


def close(review: Review, state: ReviewState, *, reviewer: Reviewer, note: str, now: datetime) -> None:
    """The review as decided; the caller saves it."""
    review.state, review.decided_at, review.note, review.decided_by = state, now, note, reviewer.name
    review.claimed_by = review.claimed_until = review.snoozed_until = None


def reopen(review: Review) -> None:
    """The review as waiting again, with nobody's approval; the caller saves it, once its version has risen."""
    review.state, review.decided_at, review.decided_by, review.note = ReviewState.OPEN, None, "", ""
    review.release_at = review.released_at = None
    review.votes_from = review.version


def record(
    review: Review,
    decision: Decision,
    *,
    now: datetime,
    kind: str = "",
    facts: Mapping[str, object] = NO_FACTS,
) -> None:
    """Tell of the decision: by ids and small facts, never in its words."""
    kind = kind or f"review.{PAST[DecisionKind(decision.kind)]}"
    ids = {"decision_id": str(decision.pk), "by": f"member:{decision.member_id}"}
    reviews.record(review, kind, now=now, **(ids | dict(facts)))
