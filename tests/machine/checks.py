"""What is asked of the database after each step: does it say what the model says, and is every promise in SQL kept?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from config.invariants import INVARIANTS
from config.invariants.invariant import Invariant
from config.owner import as_owner
from mailboxes import statements

from .things import Message, Review

# What no act of the machine can touch is asked once, in the end: whose it is, what arrived, which keys there are.
UNTOUCHED = ("I23", "I24", "I25", "I26", "I27", "I31", "I39")


def _together(invariants: Iterable[Invariant]) -> str:
    """One query that asks all of them, each answer with the id of its promise."""
    return " UNION ALL ".join(
        f"SELECT '{one.id} ' || told FROM ({one.query}) AS broken(told)"  # noqa: S608 - constants of ours
        for one in invariants
        if one.query
    )


PROMISES = _together(one for one in INVARIANTS if not one.id.startswith(UNTOUCHED))
OTHERS = _together(one for one in INVARIANTS if one.id.startswith(UNTOUCHED))
# One function for all that is asked after each act, because the plan of a function outlives everything else; to plan
# these anew takes longer than to ask them. Where not a row was written since, nothing is asked again: neither states
# nor promises depend on the time. In the end it sets the clock for the next act.
FUNCTIONS = f"""
CREATE TABLE warp.tables AS SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;
GRANT SELECT ON warp.tables TO PUBLIC;
CREATE FUNCTION warp.rows_written() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    RETURN (SELECT sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
        + pg_stat_get_xact_tuples_deleted(oid)) FROM warp.tables);
    END $$;
CREATE FUNCTION warp.asked(uuid, text) RETURNS TABLE (
    message uuid, status text, holds_quota boolean, revision integer, reviews bigint, review text, version integer,
    needed integer, claimed_by uuid, claimed_until timestamptz, snoozed_until timestamptz, expires_at timestamptz,
    addresses text[], states text[], nexts timestamptz[], attempts integer[], dead boolean[], broken text)
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    AS $$ DECLARE written text := warp.rows_written(); BEGIN
        PERFORM set_config('warp.now', $2, true);
        IF written IS NOT DISTINCT FROM current_setting('warp.rows_asked', true) THEN
            RETURN;
        END IF;
        PERFORM set_config('warp.rows_asked', written, true);
        RETURN QUERY
        SELECT m.id, m.status::text, m.quota_taken_at IS NOT NULL, m.current_version, w.count, w.state::text, w.version,
            w.people_needed, w.claimed_by_id, w.claimed_until, w.snoozed_until, w.expires_at,
            r.addresses, r.states, r.nexts, r.attempts, r.dead, NULL
        FROM messaging_message m
        LEFT JOIN LATERAL (
            SELECT array_agg(c.address::text) AS addresses, array_agg(c.state::text) AS states,
                array_agg(c.next_at) AS nexts, array_agg(c.attempts_count) AS attempts,
                array_agg(EXISTS (
                    SELECT FROM messaging_deadletter d WHERE d.recipient_id = c.id AND d.ended_at IS NULL)) AS dead
            FROM messaging_recipient c WHERE c.message_id = m.id
        ) AS r ON true
        LEFT JOIN LATERAL (
            SELECT v.*, count(*) OVER () FROM oversight_review v WHERE v.message_id = m.id
            ORDER BY v.opened_at DESC, v.id DESC LIMIT 1
        ) AS w ON true
        WHERE m.account_id = $1;
        RETURN QUERY
        SELECT NULL::uuid, NULL, NULL::boolean, NULL::integer, NULL::bigint, NULL, NULL::integer, NULL::integer,
            NULL::uuid, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::text[], NULL::text[],
            NULL::timestamptz[], NULL::integer[], NULL::boolean[], promise.told
        FROM ({PROMISES}) AS promise(told);
    END $$;
CREATE FUNCTION warp.broken_others() RETURNS SETOF text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    AS $$ BEGIN RETURN QUERY {OTHERS}; END $$;
"""  # noqa: S608 - ours


@dataclass(frozen=True)
class Answer:
    """What the database says after an act: the state of every message of the account, and which promises are broken."""

    states: dict[UUID, State]
    broken: list[str]


def asked(account: UUID, *, clock: datetime) -> Answer | None:
    """None where not a row was written since this was asked last. The story's clock is set for the next act."""
    named = {"account": account, "clock": clock.isoformat()}
    rows = statements.run("SELECT * FROM warp.asked(%(account)s, %(clock)s)", named)
    if not rows:
        return None
    return Answer({row[0]: _state(row) for row in rows if row[0]}, [row[-1] for row in rows if not row[0]])


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
    """All that is compared of one message, its newest review, and its copies by address."""

    status: str
    holds_quota: bool
    revision: int
    reviews: int
    review: tuple[object, ...] | None
    copies: dict[str, CopyState]


@dataclass(frozen=True)
class CopyState:
    state: str
    attempts: int
    next_at: datetime | tuple[datetime, datetime] | None
    is_dead: bool


def promised(message: Message, people: Mapping[str, UUID]) -> State:
    """What the model says, with the product's ids of people."""
    copies = {
        copy.address: CopyState(copy.state, len(copy.attempts), copy.next_at, copy.is_dead) for copy in message.copies
    }
    review = _open(message.review, people) if message.review else None
    return State(message.status, bool(message.taken_at), message.revision, message.reviews_count, review, copies)


def _open(review: Review, people: Mapping[str, UUID]) -> tuple[object, ...]:
    told = (review.state, review.version, review.needed)
    if review.state != "open":
        return told
    return (*told, people.get(review.claimed_by), review.claimed_until, review.snoozed_until, review.expires_at)


def _state(row: tuple[Any, ...]) -> State:
    _, status, holds_quota, revision, reviews, state, version, needed, *attention = row[:12]
    review: tuple[object, ...] | None = None
    if state:
        review = (state, version, needed, *attention) if state == "open" else (state, version, needed)
    addresses, states, nexts, attempts, dead = (column or () for column in row[12:17])
    copies = {address: CopyState(*one) for address, *one in zip(addresses, states, attempts, nexts, dead, strict=True)}
    return State(status, holds_quota, revision, reviews or 0, review, copies)
