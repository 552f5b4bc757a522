"""What the tests of people's acts share: reviews that ask for more, and acts in short."""

from __future__ import annotations

from typing import Any

from mailboxes import clock
from mailboxes.models import Member
from messaging.models import Message, Recipient
from messaging.outbound import outbox
from oversight import decisions
from oversight.decisions import Changes
from oversight.models import Decision, Review
from oversight.policy.types import Risk
from tests import builders
from tests.builders import Tenant


def asking(owner: Tenant, *, people: int = 1, risk: Risk = Risk.LOW, **fields: Any) -> Review:
    """A held message whose review asks for so many people, as a rule would have it."""
    review = builders.held(owner, **fields)
    Review.objects.filter(pk=review.pk).update(people_needed=people, risk=risk.value)
    return fresh(review)


def fresh(review: Review) -> Review:
    return Review.objects.select_related("message", "mailbox").get(pk=review.pk)


def approve(review: Review, person: Member, *, version: int | None = None) -> Decision:
    return decisions.approve(review, reviewer=builders.reviewer(person), version=version, now=clock.now())


def edit(review: Review, person: Member, *, version: int | None = None, **changes: Any) -> Decision:
    reviewer = builders.reviewer(person)
    return decisions.edit(review, reviewer=reviewer, version=version, changes=Changes(**changes), now=clock.now())


def give_back(review: Review, person: Member, instructions: str = "Name the price.") -> Decision:
    reviewer = builders.reviewer(person)
    return decisions.request_changes(
        review, reviewer=reviewer, version=None, instructions=instructions, reason="wrong_facts", now=clock.now()
    )


def leaving(message: Message) -> list[str]:
    """The addresses that a worker would take of it once every time for undo is over."""
    builders.release()
    claimed = outbox.claim_due(limit=100, now=clock.now().replace(year=clock.now().year + 1))
    mine = Recipient.objects.filter(pk__in=[one.recipient_id for one in claimed], message=message)
    return sorted(mine.values_list("address", flat=True))
