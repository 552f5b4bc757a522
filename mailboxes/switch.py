"""The switch: what a worker looks at before mail leaves, and how a flip makes sure that nobody overlooks it.

A stop of something in one account stands in that account's row. Claims and marks lock the row FOR SHARE, so a flip
waits for those that run, and they read the row as it is once they have the lock, whatever their snapshot says.

A stop of everything has no such row: all mail would queue for it. They lock the switch's table instead (GATE, a lock in
memory that writes nothing), before their snapshot is taken; the flip takes the opposite lock and waits for those that
run, and whoever comes later waits for its commit and sees it.

Lock order: the switch's table is first of all, its row the last. The generation moves with each flip of whatever.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection

from . import statements

# A subquery of the statements that let mail go. PostgreSQL locks what a statement names before it takes its snapshot.
GATE = "SELECT FROM mailboxes_switch WHERE false FOR KEY SHARE"
EVERYTHING_GOES = "NOT EXISTS (SELECT FROM mailboxes_switch WHERE stopped_at IS NOT NULL)"
GENERATION = "coalesce((SELECT generation FROM mailboxes_switch), 0)"
READ = f"SELECT {GENERATION}"

# The first waits for nobody but a flip of everything; the second for every claim and mark, and they for it.
ENTER = "LOCK TABLE mailboxes_switch IN ROW EXCLUSIVE MODE"
CLOSE = "LOCK TABLE mailboxes_switch IN EXCLUSIVE MODE"
MOVE = """
INSERT INTO mailboxes_switch (id, generation) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET generation = mailboxes_switch.generation + 1
"""
FLIP = """
INSERT INTO mailboxes_switch (id, generation, stopped_at) VALUES (1, 1, %(stopped_at)s)
ON CONFLICT (id) DO UPDATE SET generation = mailboxes_switch.generation + 1, stopped_at = excluded.stopped_at
"""
SHUT = """
UPDATE mailboxes_account SET stopped_subjects = array_append(stopped_subjects, %(subject)s::uuid)
WHERE id = %(account)s AND (%(subject)s::uuid = ANY(stopped_subjects)) IS NOT TRUE
RETURNING id
"""
OPEN = """
UPDATE mailboxes_account SET stopped_subjects = nullif(array_remove(stopped_subjects, %(subject)s::uuid), '{}')
WHERE id = %(account)s AND %(subject)s::uuid = ANY(stopped_subjects)
RETURNING id
"""


def of(account: str, *subjects: str) -> str:
    """SQL: that none of these subjects (columns or parameters, of type uuid) is stopped; `account` is an alias."""
    stopped = f"{account}.stopped_subjects"
    return f"({stopped} IS NULL OR NOT {stopped} && ARRAY[{', '.join(subjects)}]::uuid[])"


def generation() -> int:
    """How often something was stopped or resumed on this server."""
    ((number,),) = statements.run(READ, {})
    return int(number)


def enter() -> None:
    """The first lock of a flip in one account."""
    _run(ENTER)


def move() -> None:
    """The last statement of a flip in one account."""
    _run(MOVE)


def close() -> None:
    """The first lock of a flip of everything: waits for the claims and marks that run, and holds off all others."""
    _run(CLOSE)


def flip(*, stopped_at: datetime | None) -> None:
    """The last statement of a flip of everything."""
    statements.run(FLIP, {"stopped_at": stopped_at})


def shut(subject: UUID, *, account: UUID) -> bool:
    """Nothing of the account's subject passes from the commit on; False if it was shut already."""
    return bool(statements.run(SHUT, {"subject": subject, "account": account}))


def open_again(subject: UUID, *, account: UUID) -> bool:
    return bool(statements.run(OPEN, {"subject": subject, "account": account}))


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
