"""The texts of notices. None holds a body; the subject is there unless its reader does not want it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from mailboxes.models import Member
from messaging.mime import characters
from messaging.models import Direction

from . import notice_times, signed_links
from .models import NoticeSettings, Review
from .submission import PlatformMail

MOST_LISTED = 20
SUBJECT_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Item:
    """One review as a line of a mail."""

    subject: str
    agent: str
    mailbox: str
    is_received: bool
    recipients_count: int
    reason: str
    expires_at: datetime
    is_late: bool
    url: str


def of_reviews(
    member: Member,
    reviews: Sequence[Review],
    *,
    wishes: NoticeSettings,
    stages: Mapping[UUID, int],
) -> PlatformMail:
    """What was held, or is about to expire."""
    late = [review for review in reviews if stages[review.pk] > 1]
    count = len(reviews)
    subject = f"{_mails(len(late))}, about to expire undecided" if late else f"{_mails(count)} for you to review"
    return _mail(member, subject, reviews, count=count, wishes=wishes, stages=stages)


def of_digest(member: Member, reviews: Sequence[Review], *, count: int, wishes: NoticeSettings) -> PlatformMail:
    """All that waits."""
    told = f"{count}" if count < 1000 else "1,000 or more"
    subject = f"{_mails(1)} for you to review" if count == 1 else f"{told} mails wait for you to review"
    return _mail(member, subject, reviews, count=count, wishes=wishes, stages={})


def chat_text(reviews: Sequence[Review], stages: Mapping[UUID, int]) -> str:
    """A few lines for a chat tool, which many people read: agents and links, no subjects."""
    lines = [
        f"• {_agent(review)} ({review.mailbox.full_address}), expires {review.expires_at:%Y-%m-%d %H:%M} UTC: "
        f"{settings.PUBLIC_URL}{reverse('console:review', args=[review.pk])}"
        for review in reviews[:MOST_LISTED]
    ]
    late = sum(stages[review.pk] > 1 for review in reviews)
    head = f"{_mails(late)}, about to expire undecided," if late else f"{_mails(len(reviews))} for review"
    more = [f"… and {len(reviews) - MOST_LISTED} more"] if len(reviews) > MOST_LISTED else []
    return "\n".join([f"{head} in {reviews[0].account.slug}", *lines, *more])


def _mail(
    member: Member,
    subject: str,
    reviews: Sequence[Review],
    *,
    count: int,
    wishes: NoticeSettings,
    stages: Mapping[UUID, int],
) -> PlatformMail:
    zone = notice_times.zone_of(wishes)
    items = [
        Item(
            subject=_subject(review) if wishes.names_subject else "",
            agent=_agent(review),
            mailbox=review.mailbox.full_address,
            is_received=review.message.direction == Direction.INBOUND,
            recipients_count=len(
                {*review.message.to_addresses, *review.message.cc_addresses, *review.message.bcc_addresses}
            ),
            reason=review.reason_text,
            expires_at=review.expires_at.astimezone(zone),
            is_late=stages.get(review.pk, 0) > 1,
            url=signed_links.url(review, member.pk),
        )
        for review in reviews[:MOST_LISTED]
    ]
    context = {
        "slug": member.account.slug,
        "items": items,
        "more": max(0, count - len(items)),
        "zone": wishes.zone,
        "hours": settings.NOTICE_LINK_HOURS,
        "queue_url": f"{settings.PUBLIC_URL}{reverse('console:queue')}",
        "settings_url": f"{settings.PUBLIC_URL}{reverse('console:notices')}",
    }
    return PlatformMail(
        to=member.user.email,
        subject=f"{subject} ({member.account.slug})",
        body_text=render_to_string("emails/review_notice.txt", context),
        body_html=render_to_string("emails/review_notice.html", context),
    )


def _mails(count: int) -> str:
    return "1 mail waits" if count == 1 else f"{count} mails wait"


def _subject(review: Review) -> str:
    text = characters.one_line(characters.readable(review.message.subject)) or "(no subject)"
    return text if len(text) <= SUBJECT_LENGTH else f"{text[:SUBJECT_LENGTH]}…"


def _agent(review: Review) -> str:
    return review.message.agent.name if review.message.agent else "somebody outside"
