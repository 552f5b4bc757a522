"""The links in mails to reviewers: for one person, one review, for a day.

Whoever fetches a link changes nothing: mail scanners do, and some even press buttons. It leads that very person, signed
in, to the page of the review, whose forms decide by POST on the version that they show: the second who comes is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from .models import Review

SALT = "gatepost.review-link"


def hours() -> int:
    """How long a link works."""
    return int(settings.NOTICE_LINK_HOURS)


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link is for."""

    review_id: UUID
    member_id: UUID


def url(review: Review, member_id: UUID) -> str:
    """The address that stands in the mail."""
    token = signing.dumps([review.pk.hex, member_id.hex], salt=SALT)
    return f"{settings.PUBLIC_URL}{reverse('console:notice_link', args=[token])}"


def read(token: str) -> Linked | None:
    """What the link is for; None when it was not made here, or its time is over."""
    try:
        review, member = signing.loads(token, salt=SALT, max_age=settings.NOTICE_LINK_HOURS * 3600)
        return Linked(UUID(review), UUID(member))
    except (signing.BadSignature, ValueError, TypeError):
        return None
