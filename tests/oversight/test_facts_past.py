"""What the facts of a send cost, and those of stored mail as the world stood when it was sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailboxes import clock, mailbox, statements
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight import decisions, facts, submission
from tests import builders
from tests.builders import Tenant
from tests.oversight.facts import EVERYTHING, facts_of
from tests.oversight.test_facts_history import EVIL, HOUR, KIM, LOU, from_kim

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


@pytest.fixture
def gated() -> Tenant:
    return builders.tenant(mode=OversightMode.GATED_SEND)


@pytest.mark.parametrize(
    ("needs", "statements_wanted"),
    [
        (frozenset(), 0),
        (frozenset({"text", "amounts", "secrets"}), 0),
        (frozenset({"first_contacts", "outside_thread", "redirected", "is_parent_authenticated", "links"}), 1),
        (EVERYTHING, 2),
    ],
    ids=["nothing", "words", "history", "everything"],
)
def test_no_more_is_read_than_asked_for(
    alice: Tenant, needs: frozenset[str], statements_wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = statements.run, []

    def noted(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
        seen.append(statement)
        return run(statement, parameters)

    now = clock.now()
    monkeypatch.setattr(statements, "run", noted)
    found = facts_of(alice, needs=needs, now=now)
    assert len(seen) == statements_wanted
    optional = {
        "text",
        "first_contacts",
        "new_recipients_hour",
        "recipients_hour",
        "recipients_day",
        "amounts",
        "links",
    }
    assert {name for name in optional if getattr(found, name) is not None} == optional & needs


def test_the_past_is_told_as_it_was_told_then(alice: Tenant) -> None:
    now = clock.now() - 3 * HOUR
    parent = from_kim(alice, f"Reply-To: {EVIL}", message_id="<asked@friends.example>")
    Message.objects.filter(message_id=parent).update(released_at=now - HOUR, created_at=now - HOUR)
    asked: list[dict[str, Any]] = [
        {"to": (KIM,), "body_text": "EUR 4.200,00 for gp_live_abcdefghijkl"},
        {"to": (KIM,), "body_text": "EUR 4.200,00 for gp_live_abcdefghijkl"},
        {"to": (LOU,), "cc": (EVIL,), "in_reply_to": parent},
        {"to": (LOU, KIM), "in_reply_to": parent, "body_html": '<a href="http://paypa1.com">here</a>'},
        {"to": ("kim+x@friends.example",)},
    ]
    told, sent = [], []
    for number, one in enumerate(asked):
        moment = now + number * timedelta(seconds=20)
        told.append(facts_of(alice, now=moment, **one))
        sent.append(builders.submit(alice, now=moment, **one))
    submission.cancel(alice.agent_actor, alice.mailbox.pk, builders.submit(alice, to=(EVIL,)).pk, now=clock.now())
    again = facts.gather_past(sent, needs=EVERYTHING)
    duplicate = str(sent[0].pk)
    assert [one.duplicate_of for one in told] == ["", duplicate, "", "", ""]
    assert again == told


def test_of_the_past_an_approval_counts_from_its_own_moment(gated: Tenant) -> None:
    now = clock.now() - 2 * HOUR
    review = builders.held(gated, now=now)
    second = builders.submit(gated, subject="Two", now=now + timedelta(minutes=1))
    decisions.approve(review, reviewer=builders.reviewer(gated.owner), version=1, now=now + timedelta(minutes=2))
    third = builders.submit(gated, subject="Three", now=now + timedelta(minutes=3))
    found = facts.gather_past([second, third], needs=frozenset({"first_contacts"}))
    assert [one.first_contacts for one in found] == [(KIM,), ()]
    (today,) = facts.gather_past([second], needs=frozenset({"first_contacts"}), at=clock.now())
    assert today.first_contacts == ()


def test_the_past_is_read_by_as_many_statements_for_ten_messages_as_for_one(
    alice: Tenant, django_assert_max_num_queries: Any
) -> None:
    sent = [builders.submit(alice, subject=str(number)) for number in range(10)]
    for some in (sent[:1], sent):
        with django_assert_max_num_queries(3):
            assert len(facts.gather_past(some, needs=EVERYTHING)) == len(some)


def test_the_mode_of_the_past_is_what_it_was(alice: Tenant) -> None:
    message = builders.submit(alice)
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_SEND, by="test", now=clock.now())
    (then,) = facts.gather_past([message], needs=frozenset())
    (today,) = facts.gather_past([message], needs=frozenset(), at=clock.now())
    assert (then.mode, then.mailbox_mode) == (OversightMode.AUTONOMOUS, OversightMode.AUTONOMOUS)
    assert (today.mode, today.mailbox_mode) == (OversightMode.GATED_SEND, OversightMode.GATED_SEND)
