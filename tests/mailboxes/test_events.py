"""The event log: a sequence without gaps, a chain that shows tampering, rows that nobody rewrites."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection, transaction

from config.owner import as_owner
from mailboxes import accounts, clock, events
from mailboxes.models import Event
from tests.builders import PASSWORD


def broken_links() -> list[object]:
    """The ids of the events whose hash does not follow from their predecessor."""
    with connection.cursor() as cursor:
        cursor.execute(events.BROKEN_LINKS)
        return [row[0] for row in cursor.fetchall()]


def signed_up() -> accounts.SignedUp:
    asked = accounts.SignUp(email="alice@people.example", password=PASSWORD, slug="alice-works")
    return accounts.sign_up(asked, now=clock.now())


@pytest.mark.django_db
def test_events_count_up_without_gaps_and_the_chain_holds() -> None:
    account = signed_up().account
    for number in range(5):
        events.record(account, "test.happened", subject="x", data={"number": number, "é": "ü"}, now=clock.now())
    sequence = list(Event.objects.filter(account=account).order_by("seq").values_list("seq", flat=True))
    assert sequence == list(range(1, len(sequence) + 1))
    assert broken_links() == []
    assert [event.seq for event in events.after(account, sequence[-3], limit=10)] == sequence[-2:]


@pytest.mark.django_db
def test_events_that_are_recorded_together_stand_in_their_order_in_the_chain() -> None:
    account = signed_up().account
    before = Event.objects.filter(account=account).count()
    happenings = [events.Happening(f"test.{number}", "x", {"number": number}) for number in range(5)]
    recorded = events.record_all(account, happenings, now=clock.now())
    assert [event.seq for event in recorded] == list(range(before + 1, before + 6))
    stored = Event.objects.filter(account=account, seq__gt=before).order_by("seq")
    assert [(event.kind, event.hash) for event in stored] == [(event.kind, event.hash) for event in recorded]
    assert events.record(account, "test.last", subject="x", data={}, now=clock.now()).seq == before + 6
    assert broken_links() == []
    assert events.record_all(account, [], now=clock.now()) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    ["UPDATE mailboxes_event SET kind = 'forged'", "DELETE FROM mailboxes_event", "TRUNCATE mailboxes_event CASCADE"],
)
def test_the_application_can_not_rewrite_the_log(statement: str) -> None:
    signed_up()
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_the_chain_names_the_first_forged_event_when_the_owner_tampers() -> None:
    account = signed_up().account
    for _ in range(4):
        events.record(account, "test.happened", subject="x", data={}, now=clock.now())
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mailboxes_event SET data = '{\"forged\":1}' WHERE account_id = %s AND seq = 3", [account.pk]
        )
    assert broken_links() == [Event.objects.get(account=account, seq=3).pk]
