"""What came in and what was reported is changed or forgotten."""

from __future__ import annotations

from uuid import UUID

from mailboxes import clock, mailbox
from mailboxes.ids import new_id
from messaging.models import Message
from tests import builders
from tests.arrivals import arrive, receive, withheld
from tests.builders import Tenant
from tests.letters import letter

from .forging import Forgery, approved, forge


def complaint_suppresses_nothing(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE messaging_recipient SET state = 'complained'")


def hard_bounce_suppresses_nothing(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE messaging_recipient SET state = 'bounced', code = '5.1.1'")


def received_bytes_change(alice: Tenant) -> None:
    _received(alice)
    forge("UPDATE messaging_rawmessage SET raw = 'other'")


def received_mail_comes_to_nothing(alice: Tenant) -> None:
    _received(alice)


def duplicate_becomes_a_message(alice: Tenant) -> None:
    _received(alice, duplicate_of=_received(alice, message=builders.submit(alice)), message=builders.submit(alice))


def mail_is_shown_without_a_word(alice: Tenant) -> None:
    message = builders.submit(alice)
    _received(alice, message=message)
    forge("UPDATE messaging_message SET direction = 'INBOUND', status = 'released' WHERE id = %(m)s", m=message.pk)


def held_mail_is_forgotten(alice: Tenant) -> None:
    mailbox.change(alice.mailbox, status="PAUSED", now=clock.now())
    receive(letter(), alice.mailbox.full_address)
    forge("UPDATE messaging_rawmessage SET received_at = received_at - interval '1 hour'")
    forge("UPDATE mailboxes_mailbox SET status = 'ACTIVE', updated_at = updated_at - interval '1 hour'")


def mail_is_unlocked_without_a_word(alice: Tenant) -> None:
    withheld(alice.mailbox)
    forge("UPDATE messaging_message SET withheld_at = NULL, unlocked_at = now()")


def mail_is_withheld_that_was_announced_in_full(alice: Tenant) -> None:
    message = arrive(alice.mailbox)
    forge("UPDATE messaging_message SET withheld_at = now() WHERE id = %(m)s", m=message.pk)


def _received(alice: Tenant, *, message: Message | None = None, duplicate_of: UUID | None = None) -> UUID:
    """A raw row past the verbs; its bytes fit its hash."""
    pk = new_id()
    forge(
        "INSERT INTO messaging_rawmessage (id, mailbox_id, message_id, envelope_sender, envelope_recipient, via, peer,"
        " helo, raw, sha256, dedupe_key, duplicate_of_id, processed_at, received_at) VALUES (%(id)s, %(mailbox)s,"
        " %(message)s, '', '', 'test', '', '', 'mail'::bytea, encode(sha256('mail'::bytea), 'hex'), 'same',"
        " %(duplicate_of)s, now(), now())",
        id=pk,
        mailbox=alice.mailbox.pk,
        message=message.pk if message else None,
        duplicate_of=duplicate_of,
    )
    return pk


FORGERIES: list[tuple[str, Forgery]] = [
    ("I21", complaint_suppresses_nothing),
    ("I21", hard_bounce_suppresses_nothing),
    ("I26", received_bytes_change),
    ("I26b", received_mail_comes_to_nothing),
    ("I27", duplicate_becomes_a_message),
    ("I26c", held_mail_is_forgotten),
    ("I28b", mail_is_unlocked_without_a_word),
    ("I28b", mail_is_withheld_that_was_announced_in_full),
    ("I28", mail_is_shown_without_a_word),
]
