"""What is asked of the database after each step: does it say what the model says, and is every promise in SQL kept?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from config.invariants import INVARIANTS

from .model import Copy, Message

# Those that no act of the machine can touch are asked once, in the end: whose it is, what arrived, which keys there are.
UNTOUCHED = ("I09", "I23", "I24", "I25", "I26", "I27", "I28", "I31", "I39")
PROMISES = " UNION ALL ".join(
    f"SELECT '{one.id} ' || told FROM ({one.query}) AS broken(told)"  # noqa: S608 - constants of ours
    for one in INVARIANTS
    if one.query and not one.id.startswith(UNTOUCHED)
)
STATES = """
SELECT m.id, m.status, m.quota_taken_at IS NOT NULL, w.state, w.version, r.address, r.state, r.next_at, r.attempts_count
FROM messaging_message m
JOIN messaging_recipient r ON r.message_id = m.id
LEFT JOIN oversight_review w ON w.message_id = m.id
WHERE m.account_id = $1
"""


def prepare() -> None:
    """Every story has its own few rows, so the plan that was good for the first is good for all."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'machine_%'")
        if cursor.fetchone() == (0,):
            cursor.execute(f"PREPARE machine_promises AS {PROMISES}")
            cursor.execute(f"PREPARE machine_states (uuid) AS {STATES}")


def broken_promises() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("EXECUTE machine_promises")
        return [told for (told,) in cursor.fetchall()]


@dataclass(frozen=True)
class State:
    """All that is compared of one copy and its message."""

    message: str
    holds_quota: bool
    review: tuple[str, int] | None
    copy: str
    attempts: int
    next_at: datetime | tuple[datetime, datetime] | None


def promised(message: Message, copy: Copy) -> State:
    review = (message.review.state, message.review.version) if message.review else None
    return State(message.status, bool(message.taken_at), review, copy.state, len(copy.attempts), copy.next_at)


def found(account: UUID) -> dict[tuple[UUID, str], State]:
    """The state of every copy of the account, by message and address."""
    with connection.cursor() as cursor:
        cursor.execute("EXECUTE machine_states (%s)", [account])
        return {
            (pk, address): State(status, taken, (review, version) if review else None, state, attempts, next_at)
            for pk, status, taken, review, version, address, state, next_at, attempts in cursor.fetchall()
        }
