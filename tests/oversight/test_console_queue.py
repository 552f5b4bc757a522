"""The queue: order, counts, filters, pages, and what it costs."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import zeal
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailboxes import clock, keys, mailbox
from mailboxes.models import Agent, Role
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight import decisions
from oversight.models import Review
from tests import builders, plans
from tests.arrivals import arrive
from tests.letters import letter
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _unlimited(settings: pytest.FixtureRequest) -> None:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)  # type: ignore[attr-defined]


def waiting(alice: builders.Tenant, count: int) -> list[Review]:
    """Reviews that expire one minute after the other, the last made first."""
    with zeal.zeal_ignore():
        made = [builders.held(alice, subject=f"Mail {number}") for number in range(count)]
        for number, review in enumerate(made):
            review.expires_at = clock.now() + timedelta(days=2) - timedelta(minutes=number)
            review.save(update_fields=["expires_at"])
    return made


def subjects(page: str) -> list[str]:
    return re.findall(r"Mail \d+(?=</a>)", page)


def test_what_expires_first_stands_on_top() -> None:
    alice = builders.tenant()
    waiting(alice, 4)
    assert subjects(text_of(seat(alice.owner).get("/review/"))) == ["Mail 3", "Mail 2", "Mail 1", "Mail 0"]


def test_heading_navigation_and_title_tell_the_same_count() -> None:
    alice = builders.tenant()
    waiting(alice, 3)
    page = text_of(seat(alice.owner).get("/review/"))
    assert "<title>(3) Review" in page
    assert re.findall(r'pending-count">(\d+)<', page) == ["3", "3", "3", "3"]  # navigation, heading, filter, tab bar


def test_an_empty_queue_says_when_and_by_whom_the_last_decision_was_made() -> None:
    alice = builders.tenant()
    client = seat(alice.owner)
    assert "Nothing is waiting" in text_of(client.get("/review/"))
    review = builders.held(alice)
    client.post(f"/review/{review.pk}/reject/", {"version": 1, "reason": "tone"})
    assert "The last decision was made by Alice" in text_of(client.get("/review/"))


def test_the_second_page_goes_on_where_the_first_ended() -> None:
    alice = builders.tenant()
    waiting(alice, 53)
    client = seat(alice.owner)
    first = text_of(client.get("/review/"))
    following = re.search(r'href="([^"]*after=[^"]*)" rel="next"', first)
    assert following
    second = text_of(client.get(following.group(1)))
    assert subjects(first) + subjects(second) == [f"Mail {number}" for number in reversed(range(53))]
    assert "51\N{EN DASH}53 of 53" in second
    assert 'rel="next"' not in second


@pytest.mark.parametrize(
    "after", ["", "x", "1.2.3", "1.999999999999999999999.x", "-1.5.01a1fb65-fcb8-7606-88c9-6babeb785df8"]
)
def test_an_unreadable_position_is_the_first_page(after: str) -> None:
    alice = builders.tenant()
    waiting(alice, 1)
    assert subjects(text_of(seat(alice.owner).get("/review/", {"after": after}))) == ["Mail 0"]


def test_filters_stand_in_the_address_and_leave_what_they_name() -> None:
    alice = builders.tenant()
    soon, _ = waiting(alice, 2)
    Review.objects.filter(pk=soon.pk).update(expires_at=clock.now() + timedelta(minutes=30))
    other = second_mailbox(alice)
    third = builders.held(other, subject="Mail 7", to=("lee@elsewhere.example",))
    client = seat(alice.owner)
    for query, expected in (
        ({"expires": "hour"}, ["Mail 0"]),
        ({"mailbox": str(other.mailbox.pk)}, ["Mail 7"]),
        ({"agent": str(third.message.agent_id)}, ["Mail 7"]),
        ({"mailbox": "nonsense"}, []),
        ({"q": "mail 1"}, ["Mail 1"]),
        ({"q": "elsewhere"}, ["Mail 7"]),
        ({"q": "nobody"}, []),
    ):
        page = text_of(client.get("/review/", query))
        assert subjects(page) == expected, query
        assert "(3) Review" in page
    assert "Nothing matches" in text_of(client.get("/review/", {"q": "nobody"}))


def second_mailbox(alice: builders.Tenant) -> builders.Tenant:
    """A further agent of the same account, with a mailbox of its own."""
    now = clock.now()
    agent = Agent.objects.create(account=alice.account, name="second-agent")
    asked = mailbox.NewMailbox(
        address=f"second-{alice.account.slug}",
        domain=alice.mailbox.domain,
        agent=agent,
        mode=OversightMode.GATED_SEND,
    )
    box = mailbox.create(alice.account, asked, now=now)
    text = keys.create_agent_key(agent, name="second", now=now)[1]
    return builders.Tenant(alice.account, alice.owner, agent, box, text, keys.authenticate(text, now=now))


def test_a_page_of_fifty_takes_at_most_twelve_queries_and_the_index_of_what_waits() -> None:
    alice = builders.tenant()
    waiting(alice, 55)
    client = seat(alice.owner)
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/review/").status_code == 200
    assert len(queries) <= 12
    rows = next(line["sql"] for line in queries.captured_queries if "LIMIT 51" in line["sql"])
    with connection.cursor() as cursor:
        plans.only_in_order(cursor)
        cursor.execute(f"EXPLAIN {rows}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "review_waiting" in plan


def test_a_first_contact_is_marked_until_a_person_has_let_mail_to_the_address_go() -> None:
    """As the policy has it: to be held makes nobody known."""
    alice = builders.tenant()
    builders.held(alice)
    client = seat(alice.owner)
    assert "First contact" in text_of(client.get("/review/"))
    known = builders.held(alice, to=("kim+news@friends.example",))
    assert "First contact" in text_of(client.get("/review/"))
    decisions.approve(known, reviewer=builders.reviewer(alice.owner), version=None, now=clock.now())
    assert "First contact" not in text_of(client.get("/review/"))
    assert Message.objects.filter(account=alice.account).count() == 2


def test_a_viewer_sees_the_queue_and_no_button_that_decides() -> None:
    alice = builders.tenant()
    builders.held(alice)
    page = text_of(seat(builders.member(alice.account, "vera", Role.VIEWER)).get("/review/"))
    assert "Hello" in page
    assert "/stop/" not in page
    assert "/approve/" not in page


def test_somebody_who_wrote_first_is_no_first_contact() -> None:
    alice = builders.tenant()
    theirs = arrive(alice.mailbox, letter(subject="Order 12"))
    review = builders.held(alice, to=(theirs.from_address,), in_reply_to=theirs.message_id)
    client = seat(alice.owner)
    assert review.message.thread_id == theirs.thread_id
    assert "First contact" not in text_of(client.get("/review/"))
    assert "First contact" not in text_of(client.get(f"/review/{review.pk}/"))
