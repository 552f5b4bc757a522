"""What is asked of the database after each step: does it say what the model says, and is every promise in SQL kept?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from config.invariants import INVARIANTS
from config.invariants.invariant import Invariant
from config.owner import as_owner
from mailboxes import statements

from .things import Copy, Message

# What no act of the machine can touch is asked once, in the end: whose it is, what arrived, which keys there are.
UNTOUCHED = ("I09", "I23", "I24", "I25", "I26", "I27", "I28", "I31", "I39")


def _together(invariants: Iterable[Invariant]) -> str:
    """One query that asks all of them, each answer with the id of its promise."""
    return " UNION ALL ".join(
        f"SELECT '{one.id} ' || told FROM ({one.query}) AS broken(told)"  # noqa: S608 - constants of ours
        for one in invariants
        if one.query
    )


PROMISES = _together(one for one in INVARIANTS if not one.id.startswith(UNTOUCHED))
OTHERS = _together(one for one in INVARIANTS if one.id.startswith(UNTOUCHED))
# Functions, because the plan of a function outlives everything else; to plan these anew takes longer than to ask them.
# No promise depends on the time, so where not a row was written since they were asked they need not be asked again.
FUNCTIONS = f"""
CREATE TABLE warp.tables AS SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;
GRANT SELECT ON warp.tables TO PUBLIC;
CREATE FUNCTION warp.rows_written() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    RETURN (SELECT sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
        + pg_stat_get_xact_tuples_deleted(oid)) FROM warp.tables);
    END $$;
CREATE FUNCTION warp.broken_promises() RETURNS SETOF text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    AS $$ BEGIN
        IF warp.rows_written() IS DISTINCT FROM current_setting('warp.rows_asked', true) THEN
            PERFORM set_config('warp.rows_asked', warp.rows_written(), true);
            RETURN QUERY {PROMISES};
        END IF;
    END $$;
CREATE FUNCTION warp.broken_others() RETURNS SETOF text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    AS $$ BEGIN RETURN QUERY {OTHERS}; END $$;
CREATE FUNCTION warp.states(uuid) RETURNS TABLE (
    message uuid, status text, holds_quota boolean, review text, version integer, address text, state text,
    next_at timestamptz, attempts integer) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    AS $$ BEGIN RETURN QUERY
        SELECT m.id, m.status::text, m.quota_taken_at IS NOT NULL, w.state::text, w.version, r.address::text,
            r.state::text, r.next_at, r.attempts_count
        FROM messaging_message m
        JOIN messaging_recipient r ON r.message_id = m.id
        LEFT JOIN oversight_review w ON w.message_id = m.id
        WHERE m.account_id = $1;
    END $$;
"""  # noqa: S608 - ours


def broken_promises() -> list[str]:
    return [told for (told,) in statements.run("SELECT * FROM warp.broken_promises()", {})]


def broken_in_the_end() -> list[str]:
    """Of all that `broken_promises` does not ask: what SQL can ask, and what Python must."""
    found = [told for (told,) in statements.run("SELECT * FROM warp.broken_others()", {})]
    return found + [f"{one.id} {told}" for one in INVARIANTS if not one.query for told in one.find(5)]


def remove_dead_rows() -> None:
    """Nothing is committed here, so nobody else is told that there is anything to remove."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM")


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
    rows = statements.run("SELECT * FROM warp.states(%(account)s)", {"account": account})
    return {
        (pk, address): State(status, taken, (review, version) if review else None, state, attempts, next_at)
        for pk, status, taken, review, version, address, state, next_at, attempts in rows
    }
