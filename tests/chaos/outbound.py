"""Runs of the way out: a worker is struck, others work beside it, recovery is let run, and every copy is counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import connection

from mailboxes import clock
from mailboxes.models import LimitKind, Member
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Message, Status
from messaging.outbound import dispatch
from oversight import decisions, releases
from oversight.models import Review
from tests import builders
from tests.builders import Tenant

from .points import KINDS, ONCE_A_BATCH, Case, Kind
from .processes import STOPPED, Crew, Running, until
from .verdict import FAULTED, Verdict, judge_copies, judge_sending
from .witness import Witness

MODES = (OversightMode.AUTONOMOUS, OversightMode.MONITORED, OversightMode.GATED_SEND)
UNLIMITED = (
    LimitKind.DAILY_SENDS,
    LimitKind.MAILBOX_SENDS_PER_MINUTE,
    LimitKind.ACCOUNT_SENDS_PER_MINUTE,
    LimitKind.MONTHLY_INBOUND,
)
BATCH = dispatch.BATCH
POINTS = [point for point in KINDS if point.startswith(("claim.", "smtp."))]
Counts = Counter[tuple[str, str]]
ROUNDS = 8


class Relay(Protocol):
    @property
    def port(self) -> int: ...

    def deliveries(self) -> Counts: ...


@dataclass(frozen=True)
class Mix:
    """What the seed has chosen. `lots`: recipients of each message, those there from the start and those that come
    while the struck worker is at it.
    """

    mode: OversightMode
    lots: tuple[tuple[int, ...], tuple[int, ...]]
    nth: int
    others_count: int

    @classmethod
    def of(cls, case: Case, dice: random.Random) -> Mix:
        sizes = [dice.randint(1, 3) for _ in range(dice.randint(1, 12))]
        split = dice.randint(1, len(sizes))
        lots = (tuple(sizes[:split]), tuple(sizes[split:]))
        mode = dice.choice(MODES)
        first = lots[0][: _cleared_count(lots[0])] if mode is OversightMode.GATED_SEND else lots[0]
        reached = 1 if case.point in ONCE_A_BATCH else min(sum(first), BATCH)
        return cls(mode, lots, dice.randint(1, reached), dice.randint(0, 2))


@dataclass(frozen=True)
class Ways:
    """The ways to the relay: the struck worker's, that of the others, and the one that recovery takes."""

    faulted: str
    others: str
    recovery: str


def run(case: Case, crew: Crew, relay: Relay) -> Verdict:
    """The verdict on one run of the matrix."""
    dice = case.dice()
    mix = Mix.of(case, dice)
    # Who comes meanwhile is somebody else: a worker that stands still may hold the counters of the first.
    sender, latecomer = new_sender(mix.mode), new_sender(mix.mode)
    messages = submit(sender, mix.lots[0])
    witness = Witness()
    held_dot = mix.nth if (case.point, case.kind) == ("smtp.after_dot", Kind.DROP_NETWORK) else 0
    with (
        witness.line(FAULTED, relay.port, held_dot=held_dot) as faulted,
        witness.line("others", relay.port) as others,
    ):
        struck = crew.start("drain", faults=case.faults(mix.nth), RELAY_URL=_url(faulted.port))
        until(lambda: struck.is_struck or struck.state is not None, "the fault point is reached")
        messages += submit(latecomer, mix.lots[1])
        beside = [crew.start("drain", RELAY_URL=_url(others.port)) for _ in range(mix.others_count)]
        if case.kind is Kind.DROP_NETWORK:
            until(lambda: struck.state == STOPPED, "the worker stands still")
            faulted.cut()
            struck.go_on()
        elif case.kind is Kind.STALL:
            until(lambda: struck.state == STOPPED, "the worker stands still")
            beside.append(believe_dead(crew, _url(others.port)))
            beside[-1].has_ended_within(0.5)  # where the staller holds locks, nobody can do without it
            struck.go_on()
        for worker in (struck, *beside):
            worker.wait()
        assert struck.is_struck, f"the fault did not strike\n{crew.logs()}"
        recover(crew, _url(others.port))
    verdict = judge_sending(messages, witness.transactions, lost_answers=case.lost_answers)
    judge_copies(verdict, relay.deliveries(), messages)
    return verdict


def new_sender(mode: OversightMode) -> Tenant:
    """A tenant who may send as much as it likes; what its sign-up sent has left."""
    sender = builders.tenant(mode=mode)
    for kind in UNLIMITED:
        builders.limit(sender.account, kind, 0)
    dispatch.drain()
    return sender


def submit(sender: Tenant, sizes: Sequence[int]) -> list[Message]:
    """Messages with so many recipients each; what is held is approved, but for the last of several."""
    made = []
    for size in sizes:
        to = tuple(f"r{number}@friends.example" for number in range(size))
        made.append(builders.submit(sender, to=to))
    approve(made[: _cleared_count(made)], sender)
    return made


def _cleared_count(lot: Sequence[object]) -> int:
    """Of what is held the last one stays so, if there are several."""
    return max(1, len(lot) - 1)


def approve(messages: Sequence[Message], sender: Tenant) -> None:
    """The owner approves what is held of these, the time for undo passes, and they are released."""
    approve_now(Review.objects.filter(message__in=[one for one in messages if one.status == Status.HELD]), sender.owner)
    time_passes()
    releases.release_due(now=clock.now())


def approve_now(reviews: Iterable[Review], person: Member) -> None:
    for review in reviews:
        decisions.approve(review, reviewer=builders.reviewer(person), version=None, now=clock.now())


def believe_dead(crew: Crew, relay_url: str) -> Running:
    """The leases run out, and the reaper comes; the process that recovers."""
    time_passes()
    return crew.start("recover", RELAY_URL=relay_url)


def recover(crew: Crew, relay_url: str) -> None:
    """What sweeps and reaper do in the course of time, until nothing is left to do."""
    for _ in range(ROUNDS):
        believe_dead(crew, relay_url).wait()
        if not is_anything_due():
            return
    raise AssertionError(f"recovery does not come to an end\n{crew.logs()}")


def is_anything_due() -> bool:
    return Attempt.objects.filter(finished_at__isnull=True).exists() or _rows(
        "SELECT 1 FROM messaging_recipient r JOIN messaging_message m ON m.id = r.message_id "
        "WHERE r.state IN ('waiting', 'deferred') AND m.status IN ('queued', 'sending')"
    )


def time_passes() -> None:
    """Leases are over, deferred recipients are due, approvals can't be undone any more. Rows that somebody holds locked
    are his."""
    for table, key, change, which in (
        ("messaging_attempt", "id", "lease_until = started_at", "finished_at IS NULL"),
        ("messaging_recipient", "id", "next_at = clock_timestamp() - interval '1 s'", "next_at IS NOT NULL"),
        ("oversight_review", "id", "release_at = decided_at", "release_at IS NOT NULL"),
    ):
        _rows(
            f"UPDATE {table} SET {change} WHERE {key} IN "  # noqa: S608 - constants of ours
            f"(SELECT {key} FROM {table} WHERE {which} FOR UPDATE SKIP LOCKED) RETURNING 1"
        )


def _rows(query: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return bool(cursor.fetchall())


def _url(port: int) -> str:
    return f"smtp://127.0.0.1:{port}"
