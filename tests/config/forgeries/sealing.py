"""The bytes are not those that were sealed."""

from __future__ import annotations

from mailboxes.ids import new_id
from tests import builders
from tests.builders import Tenant

from .forging import Forgery, forge


def bytes_are_swapped(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE messaging_revision SET raw = raw || 'x'::bytea")


def recipient_is_added_after_the_seal(alice: Tenant) -> None:
    message = builders.held(alice).message
    forge(
        "INSERT INTO messaging_recipient (id, message_id, address, kind, state, attempts_count, code, text)"
        " VALUES (%(id)s, %(message)s, 'eve@evil.example', 'bcc', 'waiting', 0, '', '')",
        id=new_id(),
        message=message.pk,
    )


def bcc_stands_in_the_header(alice: Tenant) -> None:
    builders.submit(alice, bcc=("quiet@friends.example",))
    forge("UPDATE messaging_revision SET raw = 'Bcc: quiet@friends.example\r\n'::bytea || raw")


def blind_recipient_is_named_in_cc(alice: Tenant) -> None:
    builders.submit(alice, bcc=("quiet@friends.example",))
    forge("UPDATE messaging_revision SET raw = 'Cc: Q <quiet@friends.example>\r\n'::bytea || raw")


def second_from_is_added(alice: Tenant) -> None:
    builders.submit(alice)
    forge("UPDATE messaging_revision SET raw = 'From: eve@evil.example\r\n'::bytea || raw")


FORGERIES: list[tuple[str, Forgery]] = [
    ("I05", bytes_are_swapped),
    ("I05", recipient_is_added_after_the_seal),
    ("I33", bcc_stands_in_the_header),
    ("I33", blind_recipient_is_named_in_cc),
    ("I34", second_from_is_added),
]
