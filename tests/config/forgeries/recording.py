"""The log has holes, lies, or tells secrets."""

from __future__ import annotations

from mailboxes import clock, mailbox
from mailboxes.ids import new_id
from mailboxes.modes import OversightMode
from oversight import submission
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant

from .forging import Forgery, approved, forge


def event_is_deleted(alice: Tenant) -> None:
    forge("DELETE FROM mailboxes_event WHERE account_id = %(account)s AND seq = 2", account=alice.account.pk)


def last_event_is_deleted(alice: Tenant) -> None:
    forge(
        "DELETE FROM mailboxes_event e USING mailboxes_eventcounter c"
        " WHERE e.account_id = c.account_id AND e.seq = c.last_seq AND e.account_id = %(account)s",
        account=alice.account.pk,
    )


def state_changes_without_an_event(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE messaging_message SET status = 'rejected' WHERE status = 'held'")


def end_is_told_twice(alice: Tenant) -> None:
    submission.cancel(alice.agent_actor, alice.mailbox.pk, builders.held(alice).message_id, now=clock.now())
    forge(
        "INSERT INTO mailboxes_event (id, account_id, seq, kind, subject, mailbox_id, data, created_at, hash)"
        " SELECT %(id)s, account_id, seq + 1000, kind, subject, mailbox_id, data, created_at, hash"
        " FROM mailboxes_event WHERE kind = 'message.cancelled'",
        id=new_id(),
    )


def event_is_rewritten(alice: Tenant) -> None:
    forge("UPDATE mailboxes_event SET data = '{}' WHERE account_id = %(account)s AND seq = 2", account=alice.account.pk)


def decision_is_not_told(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE mailboxes_event SET data = '{}' WHERE kind = 'review.approved'")


def key_is_written_into_an_event(alice: Tenant) -> None:
    forge("UPDATE mailboxes_event SET data = %(data)s WHERE seq = 1", data=f'{{"key":"{alice.key_text}"}}')


def private_key_lies_open(alice: Tenant) -> None:
    forge("UPDATE mailboxes_dkimkey SET private_key = '-----BEGIN PRIVATE KEY-----'")


def hidden_end_is_forgotten(alice: Tenant) -> None:
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_ALL, by="test", now=clock.now())
    arrive(alice.mailbox)
    forge("UPDATE mailboxes_eventcounter SET hidden_from = NULL, hidden_to = NULL")


FORGERIES: list[tuple[str, Forgery]] = [
    ("I13", event_is_deleted),
    ("I13", last_event_is_deleted),
    ("I16", state_changes_without_an_event),
    ("I16b", end_is_told_twice),
    ("I37", event_is_rewritten),
    ("I38", decision_is_not_told),
    ("I39", key_is_written_into_an_event),
    ("I39", private_key_lies_open),
    ("I16d", hidden_end_is_forgotten),
]
