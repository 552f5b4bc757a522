"""Which addresses the account already knows: those that took its mail, and those that wrote to it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from mailboxes.principals import Principal
from messaging.models import RecipientState

TAKEN = (RecipientState.SENT, RecipientState.DELIVERED, RecipientState.BOUNCED, RecipientState.COMPLAINED)

# Address by address, and no further than the answer: one that was written to a million times is looked at once. Not
# EXISTS and not a join, which PostgreSQL may answer by reading all mail of the account.
TOOK = """(
    SELECT true FROM messaging_recipient r
    WHERE r.address = one.address AND r.state = ANY(%(taken)s)
        AND (SELECT m.account_id FROM messaging_message m WHERE m.id = r.message_id) = %(account)s
    LIMIT 1
)"""
WROTE = """(
    SELECT true FROM messaging_message m WHERE m.account_id = %(account)s AND m.direction = 'INBOUND'
        AND m.status = 'released' AND m.from_address = one.address LIMIT 1
)"""
KNOWN = f"SELECT one.address FROM unnest(%(addresses)s::text[]) AS one(address) WHERE {WROTE} OR {TOOK}"  # noqa: S608 - ours


def known(actor: Principal, addresses: Sequence[str]) -> set[str]:
    """Which of the addresses took a mail of the account, or wrote one, in a single query."""
    with connection.cursor() as cursor:
        cursor.execute(
            KNOWN,
            {
                "addresses": list(addresses),
                "account": actor.account.pk,
                "taken": [state.value for state in TAKEN],
            },
        )
        return {address for (address,) in cursor.fetchall()}
