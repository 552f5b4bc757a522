"""No page of the console asks the database more than twelve times, whatever has happened in the account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from mailboxes import clock, stops
from mailboxes.models import Epoch
from messaging.models import SuppressionReason
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.recipients import suppressions
from oversight import decisions
from oversight.models import Review
from tests import builders
from tests.builders import Tenant
from tests.oversight.console import seat, text_of, url_of

pytestmark = pytest.mark.django_db

# One of them only while something is stopped, as it is here.
MOST = 13
MORE = {"/stop/": 1}  # what can be stopped: mailboxes, agents, keys, and how much mail of each
LISTS = [
    "/review/",
    "/review/?expires=hour&q=kim",
    "/review/?q=nothing",
    "/monitor/",
    "/mailboxes/",
    "/stop/",
    "/keys/",
    "/permits/",
    "/agents/keys/",
    "/access/",
    "/audit/",
    "/settings/account/",
    "/policies/",
    "/agents/",
    "/settings/security/",
    "/settings/security/prove/",
]
History = Callable[[Review, Tenant], None]


def approve(review: Review, alice: Tenant, *, version: int = 1) -> None:
    decisions.approve(review, reviewer=builders.reviewer(alice.owner), version=version, now=clock.now())


def undo(review: Review, alice: Tenant) -> None:
    decisions.undo(review, reviewer=builders.reviewer(alice.owner), now=clock.now())


def is_open(review: Review, alice: Tenant) -> None:
    for version in (1, 3, 5):
        approve(review, alice, version=version)
        undo(review, alice)


def is_rejected(review: Review, alice: Tenant) -> None:
    decisions.reject(review, reviewer=builders.reviewer(alice.owner), version=1, reason="tone", now=clock.now())


def is_answered_in_three_ways(review: Review, alice: Tenant) -> None:
    approve(review, alice)
    builders.release()
    later = clock.now() + timedelta(seconds=settings.UNDO_SECONDS + 1)
    answers = {
        "kim@friends.example": Outcome(OutcomeKind.SENT, "250", "Taken."),
        "lee@friends.example": Outcome(OutcomeKind.DEFERRED, "450", "Come again."),
        "max@friends.example": Outcome(OutcomeKind.FAILED, "550", "Unknown."),
    }
    claimed = outbox.claim_due(limit=10, now=later)
    mine = [one for one in claimed if one.recipient.message_id == review.message_id]
    outcomes.apply([(one, answers[one.recipient.address]) for one in mine], now=later)


@pytest.fixture
def alice() -> Tenant:
    """Much waits, somebody is suppressed, one approval can be taken back, all is stopped, twice over."""
    alice = builders.tenant()
    for number in range(3):
        builders.held(alice, subject=f"Waiting {number}")
    approve(builders.held(alice, subject="Leaving"), alice)
    suppressions.add(alice.account, "eve@friends.example", reason=SuppressionReason.MANUAL, now=clock.now())
    return alice


@pytest.fixture
def see(alice: Tenant, django_assert_max_num_queries: DjangoAssertNumQueries) -> Callable[[str], str]:
    """The page at an address, found with few enough questions. Everything is stopped, and says so."""
    client = seat(alice.owner)

    def page(address: str) -> str:
        stops.stop(alice.owner, reason="Test", now=clock.now())
        Epoch.objects.update_or_create(pk=1, defaults={"lineage": alice.account.pk, "halted_at": clock.now()})
        address = client.get(address).headers.get("Location", address)
        with django_assert_max_num_queries(MOST + MORE.get(address, 0)):
            response = client.get(address)
        text = text_of(response)
        assert "All sending is stopped" in text
        assert "Nothing leaves this server." in text
        assert "Leaving" in text
        return text

    return page


@pytest.mark.parametrize("address", LISTS)
def test_a_list_is_cheap(address: str, see: Callable[[str], str]) -> None:
    see(address)


def test_the_pages_of_trust_are_cheap(alice: Tenant, see: Callable[[str], str]) -> None:
    suggested = builders.suggested(alice)
    for address in (f"/agents/{alice.agent.pk}/", f"/agents/mailboxes/{alice.mailbox.pk}/"):
        see(address)
    see(f"/agents/suggestions/{suggested.pk}/")


@pytest.mark.parametrize(
    ("history", "last_step"),
    [
        (is_open, "Approval taken back"),
        (is_rejected, "Rejected: "),
        (approve, "Approved "),
        (is_answered_in_three_ways, "Put off by the mail server for lee@friends.example: 450 Come again."),
    ],
)
def test_a_review_its_message_and_its_thread_are_cheap(
    history: History, last_step: str, alice: Tenant, see: Callable[[str], str]
) -> None:
    review = builders.held(alice, cc=("lee@friends.example", "max@friends.example"))
    history(review, alice)
    for address in (url_of(review), f"/messages/{review.message_id}/"):
        assert last_step in see(address).replace("<", " <")
    see(f"/threads/{review.message.thread_id}/")
