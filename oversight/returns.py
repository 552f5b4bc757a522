"""What was given back to its author: sent again in another form, or expired.

A resubmission is the next revision of the same message, and always waits for people: somebody asked for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from mailboxes.errors import Conflict, Forbidden, Invalid, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging import visibility
from messaging.lifecycle import Reason
from messaging.mime.types import Draft
from messaging.models import Direction, Message
from messaging.outbound import drafts, linking, outbox
from messaging.outbound.drafts import Composed

from . import edits, judging, reviews, sender, submission
from .models import Review, ReviewState
from .policy.types import Outcome, Verdict
from .sender import Sender

UNANSWERED = Reason("expired", "Its author did not answer what it was returned for, so nothing was sent.")
RESUBMITTED = "resubmitted"
RESUBMITTED_TEXT = "It was given back for changes and comes again, so it waits for a person."


def resubmit(actor: Principal, mailbox_id: object, message_id: object, draft: Draft, *, now: datetime) -> Message:
    """Hold a RETURNED message in the form that its author gives it now: one revision more, under a new open review.

    Checked as a send, and refused as one: then the message stays returned. Raises Conflict (not_returned) where it does
    not wait for its author, NotFound for a stranger.
    """
    actor.require(Scope.SEND, fix="Use an agent's key; a key that decides never sends.")
    with transaction.atomic():
        who = sender.get(actor, mailbox_id, recipients=[address for _, address in draft.recipients()], now=now)
        who.check()
        who.check_recipients()
        answered = _lock_returned(who, message_id)
        message = answered.message
        author = drafts.Author(actor, submission.effective_mode(who.mailbox, draft.oversight_mode))
        draft = _in_its_conversation(submission.with_provenance(draft, actor=actor), message)
        composed = drafts.recompose(message, draft, made_by=actor.identity, author=author, now=now)
        changed = edits.differences(message, composed)
        linking.replace(composed, now=now)  # files before counters, as whoever deletes a file locks them
        edits.revise(message, composed, mailbox=who.mailbox, now=now)
        answered.released_at = now
        answered.save(update_fields=["released_at"])
        review = _hold(message, composed, who=who, now=now)
        edits.keep(review, changed, made_by=actor.identity, now=now)
    return message


def expire_due(*, now: datetime, limit: int = 100) -> int:
    """Expire up to `limit` returned messages that nobody sent again in time; how many."""
    return reviews.expire_due(now=now, limit=limit, state=ReviewState.RETURNED, reason=UNANSWERED)


def _lock_returned(who: Sender, message_id: object) -> Review:
    parsed = parse_id(message_id)
    if parsed is None:
        raise NotFound("message")
    mine = visibility.visible(who.mailbox).filter(pk=parsed, direction=Direction.OUTBOUND)
    if not mine.exists():
        raise NotFound("message")
    newest = reviews.lock_latest(Message(pk=parsed))
    if newest is None or newest.state != ReviewState.RETURNED:
        raise Conflict(
            "This message does not wait for its author: only what was given back for changes is sent again.",
            code="not_returned",
            fix="Read its state; send a new message instead.",
        )
    newest.message = mine.get()  # read once the lock is held
    newest.message.mailbox = who.mailbox
    return newest


def _in_its_conversation(draft: Draft, message: Message) -> Draft:
    if draft.in_reply_to not in (None, message.in_reply_to):
        raise Invalid(
            "A message that comes again stays in its conversation.",
            code="other_conversation",
            fix="Send inReplyTo as it was, or leave it out; or send a new message.",
            field="inReplyTo",
        )
    return replace(draft, in_reply_to=message.in_reply_to)


def _hold(message: Message, composed: Composed, *, who: Sender, now: datetime) -> Review:
    judged = judging.judge(message, who=who, now=now)
    verdict = judged.verdict
    if verdict.outcome == Outcome.REFUSE:
        raise Forbidden(verdict.text, code=verdict.code, fix=verdict.fix)
    judged.keep(now=now)
    asked = _waiting(verdict)
    version = composed.message.current_version
    why = Reason(asked.code, asked.text, {"revision": version})
    outbox.hold_again(message, version=version, reason=why, now=now)
    return reviews.open(message, verdict=asked, now=now)


def _waiting(verdict: Verdict) -> Verdict:
    """What it waits for, whatever the policy says of its new form."""
    if verdict.outcome == Outcome.HOLD:
        return verdict
    return replace(verdict, outcome=Outcome.HOLD, code=RESUBMITTED, text=RESUBMITTED_TEXT)
