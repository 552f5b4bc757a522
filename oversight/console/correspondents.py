"""Which addresses the account already knows: those that took its mail, and those that wrote to it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from mailboxes.principals import Principal
from messaging.models import RecipientState
from oversight.monitoring import MOST_COUNTED

TAKEN = (RecipientState.SENT, RecipientState.DELIVERED, RecipientState.BOUNCED, RecipientState.COMPLAINED)

# Address by address, and no further than the answer: one that was written to a million times is looked at once. Not
# EXISTS, which PostgreSQL may answer by reading all mail of the account.
TAKEN_MAIL = """
SELECT true FROM messaging_recipient r JOIN messaging_message m ON m.id = r.message_id
WHERE r.address = one.address AND r.state = ANY(%(taken)s) AND m.account_id = %(account)s
"""
TOOK = f"({TAKEN_MAIL} LIMIT 1)"
WROTE = """(
    SELECT true FROM messaging_message m WHERE m.account_id = %(account)s AND m.direction = 'INBOUND'
        AND m.status = 'released' AND m.from_address = one.address LIMIT 1
)"""
SENT_BEFORE = f"""
SELECT one.address, (
    SELECT count(*) FROM ({TAKEN_MAIL} AND r.message_id IS DISTINCT FROM %(except)s::uuid LIMIT %(most)s) AS mail
) FROM unnest(%(addresses)s::text[]) AS one(address)
"""  # noqa: S608 - ours


def sent_before(actor: Principal, addresses: Sequence[str], *, except_message: UUID | None = None) -> dict[str, int]:
    """How many mails of the account each address took before, as far as that is counted; those without are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            SENT_BEFORE,
            {
                "addresses": list(addresses),
                "account": actor.account.pk,
                "taken": [state.value for state in TAKEN],
                "except": except_message,
                "most": MOST_COUNTED + 1,
            },
        )
        return {address: count for address, count in cursor.fetchall() if count}


def wrote_before(actor: Principal, addresses: Sequence[str]) -> set[str]:
    """Which of the addresses have written to the account."""
    return _addresses_of(WROTE, actor, addresses)


def known(actor: Principal, addresses: Sequence[str]) -> set[str]:
    """Which of the addresses took a mail of the account, or wrote one, in a single query."""
    return _addresses_of(f"{WROTE} OR {TOOK}", actor, addresses)


def _addresses_of(condition: str, actor: Principal, addresses: Sequence[str]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT one.address FROM unnest(%(addresses)s::text[]) AS one(address) WHERE {condition}",  # noqa: S608 - ours
            {
                "addresses": list(addresses),
                "account": actor.account.pk,
                "taken": [state.value for state in TAKEN],
            },
        )
        return {address for (address,) in cursor.fetchall()}
