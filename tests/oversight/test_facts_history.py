"""What the account's other mail says of a send: strangers, numbers, threads, duplicates; live and of the past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from mailboxes import clock, mailbox, statements
from mailboxes.mailbox import NewMailbox
from mailboxes.modes import OversightMode
from messaging.mime import addresses
from messaging.models import Message, Status
from oversight import decisions, facts, submission
from tests import builders
from tests.arrivals import arrive, withheld
from tests.builders import Tenant
from tests.letters import letter
from tests.oversight.facts import EVERYTHING, facts_of

pytestmark = pytest.mark.django_db(transaction=True)

KIM, LOU, EVIL = "kim@friends.example", "lou@friends.example", "x@evil.example"
HOUR = timedelta(hours=1)


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


@pytest.fixture
def gated() -> Tenant:
    return builders.tenant(mode=OversightMode.GATED_SEND)


def strangers(owner: Tenant, *to: str) -> tuple[str, ...] | None:
    return facts_of(owner, needs=frozenset({"first_contacts"}), to=to or (KIM,)).first_contacts


# Who is known.


def test_nobody_is_known_at_first(alice: Tenant) -> None:
    assert strangers(alice, KIM, LOU) == (KIM, LOU)


def test_whom_the_account_wrote_to_is_known_and_nobody_else(alice: Tenant) -> None:
    builders.submit(alice, to=(KIM,))
    assert strangers(alice, LOU, KIM) == (LOU,)


def test_cc_and_bcc_count_as_much_as_to(alice: Tenant) -> None:
    assert facts_of(alice, to=(KIM,), cc=(LOU,), bcc=(EVIL,)).first_contacts == (KIM, LOU, EVIL)
    builders.submit(alice, to=(KIM,), bcc=(EVIL,))
    assert strangers(alice, EVIL) == ()


def test_to_be_held_makes_nobody_known_and_an_approval_does(gated: Tenant) -> None:
    review = builders.held(gated)
    assert strangers(gated) == (KIM,)
    decisions.approve(review, reviewer=builders.reviewer(gated.owner), version=1, now=clock.now())
    assert strangers(gated) == ()


@pytest.mark.parametrize("end", ["rejected", "cancelled", "refused"])
def test_what_came_to_nothing_makes_nobody_known(gated: Tenant, end: str) -> None:
    if end == "refused":
        mailbox.set_mode(gated.mailbox, OversightMode.READ_ONLY, by="test", now=clock.now())
    message = builders.submit(gated)
    if end == "rejected":
        review = message.reviews.get()
        decisions.reject(review, reviewer=builders.reviewer(gated.owner), version=1, reason="tone", now=clock.now())
    if end == "cancelled":
        submission.cancel(gated.agent_actor, gated.mailbox.pk, message.pk, now=clock.now())
    assert Message.objects.get(pk=message.pk).status == Status(end)
    assert strangers(gated) == (KIM,)


def test_whoever_wrote_is_known(alice: Tenant) -> None:
    arrive(alice.mailbox, letter(sender=KIM, to=alice.mailbox.full_address))
    assert strangers(alice, KIM, LOU) == (LOU,)


def test_mail_that_is_withheld_makes_nobody_known(alice: Tenant) -> None:
    withheld(alice.mailbox, letter(sender=EVIL, to=alice.mailbox.full_address))
    assert strangers(alice, EVIL) == (EVIL,)


def test_another_account_knows_its_own_people(alice: Tenant) -> None:
    builders.submit(builders.tenant("bob", mode=OversightMode.AUTONOMOUS))
    assert strangers(alice) == (KIM,)


def test_another_mailbox_of_the_account_shares_whom_it_knows(alice: Tenant) -> None:
    box = mailbox.create(alice.account, NewMailbox("second", alice.mailbox.domain, agent=alice.agent), now=clock.now())
    builders.submit(alice)
    other = Tenant(alice.account, alice.owner, alice.agent, box, alice.key_text, alice.agent_actor)
    assert strangers(other) == ()


@pytest.mark.parametrize(
    ("known", "written", "is_known"),
    [
        ("kim@friends.example", "kim+news@friends.example", True),
        ("kim+news@friends.example", "kim@friends.example", True),
        ("kim.miller@gmail.com", "k.i.m.miller+x@googlemail.com", True),
        ("kim.miller@friends.example", "kimmiller@friends.example", False),
        ("+kim@friends.example", "+lou@friends.example", False),
        # A13: looks alike in every font, and is somebody else.
        ("kim@friends.example", "kim@xn--frinds-4nf.example", False),
        ("kim@friends.example", "klm@friends.example", False),
    ],
)
def test_every_spelling_of_a_mailbox_is_that_mailbox(alice: Tenant, known: str, written: str, is_known: bool) -> None:
    builders.submit(alice, to=(known,))
    assert strangers(alice, written) == (() if is_known else (written,))


LOCALS = st.text("abz09.+-_", min_size=1, max_size=12)


@given(LOCALS, st.sampled_from(["friends.example", "gmail.com", "googlemail.com"]))
def test_the_database_spells_addresses_as_we_do(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT messaging_address_key(%s)", [address])
        assert cursor.fetchone() == (addresses.mailbox_key(address),)


# How many.


def test_new_recipients_of_the_hour_are_counted_once_each(alice: Tenant) -> None:
    now = clock.now()
    builders.submit(alice, to=("old@friends.example",), now=now - 3 * HOUR)
    builders.submit(alice, to=("before@friends.example",), now=now - 1.5 * HOUR)
    builders.submit(alice, to=(KIM, "old@friends.example"), now=now - HOUR / 2)
    builders.submit(alice, to=("kim+again@friends.example", "before@friends.example"), now=now - HOUR / 3)
    found = facts_of(alice, to=(LOU, KIM), bcc=(EVIL,), now=now)
    assert found.new_recipients_hour == 3  # Kim, Lou, evil
    assert found.recipients_hour == 2 + 2 + 3
    assert found.recipients_day == 1 + 1 + 2 + 2 + 3


def test_what_waits_is_counted_and_what_came_to_nothing_is_not(gated: Tenant) -> None:
    builders.submit(gated, to=(KIM,))
    gone = builders.submit(gated, to=(LOU,))
    submission.cancel(gated.agent_actor, gated.mailbox.pk, gone.pk, now=clock.now())
    found = facts_of(gated, to=(EVIL,))
    assert (found.new_recipients_hour, found.recipients_hour) == (2, 2)


def test_another_mailbox_is_counted_for_itself(alice: Tenant) -> None:
    box = mailbox.create(alice.account, NewMailbox("second", alice.mailbox.domain, agent=alice.agent), now=clock.now())
    builders.submit(alice)
    other = Tenant(alice.account, alice.owner, alice.agent, box, alice.key_text, alice.agent_actor)
    assert facts_of(other, to=(LOU,)).recipients_day == 1


# Within a conversation.

Setup = Callable[[Tenant], str]


def from_kim(owner: Tenant, *headers: str, **asked: Any) -> str:
    return arrive(owner.mailbox, letter(*headers, to=owner.mailbox.full_address, **asked)).message_id


def test_an_answer_to_whoever_takes_part_stays_inside(alice: Tenant) -> None:
    parent = from_kim(alice, f"Cc: {LOU}")
    found = facts_of(alice, to=(KIM,), cc=(LOU, alice.mailbox.full_address), in_reply_to=parent)
    assert (found.is_reply, found.outside_thread, found.redirected) == (True, (), ())


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
def test_who_takes_no_part_is_outside_in_whatever_field(alice: Tenant, field: str) -> None:
    parent = from_kim(alice)
    asked: dict[str, Any] = {"to": (KIM,)} | {field: (KIM, EVIL) if field == "to" else (EVIL,)}
    assert facts_of(alice, in_reply_to=parent, **asked).outside_thread == (EVIL,)


def test_whoever_was_in_an_earlier_message_of_the_thread_takes_part(alice: Tenant) -> None:
    first = from_kim(alice, f"Cc: {LOU}", message_id="<one@friends.example>")
    second = from_kim(alice, f"In-Reply-To: {first}", f"References: {first}", message_id="<two@friends.example>")
    assert facts_of(alice, to=(LOU,), in_reply_to=second).outside_thread == ()


def test_an_answer_that_waits_brings_nobody_into_the_thread(gated: Tenant) -> None:
    parent = from_kim(gated)
    review = builders.held(gated, to=(KIM, LOU), in_reply_to=parent)
    assert facts_of(gated, to=(LOU,), in_reply_to=parent).outside_thread == (LOU,)
    decisions.approve(review, reviewer=builders.reviewer(gated.owner), version=1, now=clock.now())
    assert facts_of(gated, to=(LOU,), in_reply_to=parent).outside_thread == ()


def test_blind_recipients_take_no_part(alice: Tenant) -> None:
    parent = from_kim(alice)
    builders.submit(alice, to=(KIM,), bcc=(LOU,), in_reply_to=parent)
    assert facts_of(alice, to=(LOU,), in_reply_to=parent).outside_thread == (LOU,)


def test_tags_and_dots_neither_lead_out_nor_in(alice: Tenant) -> None:
    parent = from_kim(alice, sender="kim.miller@gmail.com")
    found = facts_of(alice, to=("kimmiller+x@gmail.com", "kimmi.ler@gmail.com"), in_reply_to=parent)
    assert found.outside_thread == ("kimmi.ler@gmail.com",)


def test_an_answer_to_a_mail_that_nobody_knows_is_outside_whole_and_proves_nothing(alice: Tenant) -> None:
    found = facts_of(alice, to=(KIM,), in_reply_to="<never@friends.example>")
    assert (found.outside_thread, found.redirected, found.is_parent_authenticated) == ((KIM,), (), False)


def test_of_what_answers_nothing_there_is_no_thread_to_leave(alice: Tenant) -> None:
    from_kim(alice)
    found = facts_of(alice, to=(EVIL,))
    assert (found.outside_thread, found.redirected, found.is_parent_authenticated) == (None, None, None)


@pytest.mark.parametrize(
    ("sender", "reply_to", "is_redirected"),
    [
        (KIM, EVIL, True),
        (KIM, "kim+answers@friends.example", False),
        (KIM, "office@friends.example", False),
        (KIM, "office@mail.friends.example", False),
        ("kim@gmail.com", "other@gmail.com", True),
        ("kim@gmail.com", "k.im@gmail.com", False),
        (KIM, f"{LOU}, {EVIL}", True),
    ],
)
def test_a_reply_to_that_leads_away_from_its_author_is_told(
    alice: Tenant, sender: str, reply_to: str, is_redirected: bool
) -> None:
    parent = from_kim(alice, f"Reply-To: {reply_to}", sender=sender)
    target = reply_to.split(", ")[-1]
    assert facts_of(alice, to=(target,), in_reply_to=parent).redirected == ((target,) if is_redirected else ())
    assert facts_of(alice, to=(sender,), in_reply_to=parent).redirected == ()


@pytest.mark.parametrize("is_proven", [True, False])
def test_whether_the_answered_mail_is_proven_to_be_its_authors(alice: Tenant, is_proven: bool) -> None:
    parent = from_kim(alice)
    # What DNS answers make of a mail is told in test_sender_checks; here none is asked.
    Message.objects.filter(message_id=parent).update(sender_checks={"is_authenticated": is_proven})
    assert facts_of(alice, to=(KIM,), in_reply_to=parent).is_parent_authenticated is is_proven
    ours = builders.submit(alice, to=(KIM,), in_reply_to=parent).message_id
    assert facts_of(alice, to=(KIM,), in_reply_to=ours).is_parent_authenticated is is_proven


# Twice.


def test_the_same_again_within_a_minute_is_a_duplicate(alice: Tenant) -> None:
    now = clock.now()
    first = builders.submit(alice, body_html="<p>Hi</p>", now=now)
    assert facts_of(alice, body_html="<p>Hi</p>", now=now).duplicate_of == str(first.pk)
    assert facts_of(alice, to=("kim+again@friends.example",), body_html="<p>Hi</p>", now=now).duplicate_of
    assert facts_of(alice, body_html="<p>Hi</p>", now=now + timedelta(seconds=61)).duplicate_of == ""


@pytest.mark.parametrize(
    "other", [{"to": (KIM, LOU)}, {"subject": "Hello!"}, {"body_text": "Bye"}, {"body_html": "<p>Hello</p>"}]
)
def test_what_differs_anywhere_is_no_duplicate(alice: Tenant, other: dict[str, Any]) -> None:
    now = clock.now()
    builders.submit(alice, now=now)
    assert facts_of(alice, now=now, **other).duplicate_of == ""


def test_what_was_cancelled_may_be_sent_again(gated: Tenant) -> None:
    first = builders.submit(gated)
    assert facts_of(gated).duplicate_of == str(first.pk)
    submission.cancel(gated.agent_actor, gated.mailbox.pk, first.pk, now=clock.now())
    assert facts_of(gated).duplicate_of == ""


# What it costs.


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


# The past.


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
