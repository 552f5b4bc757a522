"""The real thing, as the machine drives it: one account in a transaction of its own, under a clock that obeys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from config.owner import as_owner
from mailboxes import clock, keys, mailbox, statements
from mailboxes.models import ApiKey, Mailbox, Member, Role
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal
from messaging.models import Message, Recipient
from oversight.models import Review
from tests import builders
from tests.builders import Tenant
from tests.fakes.sink import Sink

from . import checks, workers
from .things import Box

# Named before pg_catalog in the search path, so that the product asks these for the time, and for the last crash.
WARP = """
CREATE SCHEMA warp;
CREATE FUNCTION warp.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('warp.now')::timestamptz $$;
CREATE FUNCTION warp.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('warp.crashed_at')::timestamptz $$;
GRANT USAGE ON SCHEMA warp TO PUBLIC;
"""


@contextmanager
def warped_database() -> Iterator[None]:
    """Inside, the database has a clock that can be set."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(WARP)
        cursor.execute(checks.FUNCTIONS)
    try:
        yield
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA warp CASCADE")


@dataclass(frozen=True)
class Cast:
    """Who acts in every example; committed once, with nothing left in the outbox. `relay` takes what goes by wire."""

    alice: Tenant
    boxes: list[Mailbox]
    people: Mapping[str, Member]
    agents: Mapping[str, Principal]
    relay: Sink

    def key(self, name: str) -> ApiKey:
        key = self.agents[name].key
        assert key is not None
        return key


def make_cast(boxes: list[Box], relay: Sink) -> Cast:
    alice = builders.tenant()
    domain = alice.mailbox.domain
    made = [mailbox.create(alice.account, mailbox.NewMailbox(box.name, domain), now=clock.now()) for box in boxes]
    for real, box in zip(made, boxes, strict=True):
        mailbox.set_mode(real, OversightMode(box.mode), by="test", now=clock.now())
        if box.people:
            builders.rules(alice, builders.rule("everything", people=box.people), mailbox=real)
    ben = builders.agent(alice.account, "ben")
    text = keys.create_agent_key(ben, now=clock.now())[1]
    agents = {"first": alice.agent_actor, "second": keys.authenticate(text, now=clock.now())}
    reviewers = {name: builders.member(alice.account, name) for name in ("rhea", "omar")}
    people = {"owner": alice.owner, "vera": builders.member(alice.account, "vera", Role.VIEWER)} | reviewers
    _send_all()
    return Cast(alice, made, people, agents, relay)


def _send_all() -> None:
    """The mail of the house is nobody's business here. Step by step: what goes wrong is told, and not put off."""
    worker = workers.Worker()
    worker.claim(limit=100, now=clock.now())
    while worker.waiting:
        assert (worker.look(), worker.mark()) == ("go on", "data")
        worker.hear("sent")
    worker.write()
    assert not Recipient.objects.exclude(state="sent").exists()


class World:
    """The verbs, with names of the model for what they take. Nothing of it is ever committed."""

    def __init__(self, cast: Cast, now: datetime) -> None:
        self.cast, self.now = cast, now
        self._messages: dict[UUID, UUID] = {}
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = warp, pg_catalog, public")
        self.set_clock(now)
        self.set_crash(now)

    def check_constraints(self) -> None:
        """What a commit would look at."""
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def end(self) -> None:
        transaction.set_rollback(True)
        self._transaction.__exit__(None, None, None)

    def set_clock(self, now: datetime) -> None:
        self.now = now
        statements.run("SELECT set_config('warp.now', %(now)s, true)", {"now": now.isoformat()})

    def set_crash(self, at: datetime) -> None:
        statements.run("SELECT set_config('warp.crashed_at', %(at)s, true)", {"at": at.isoformat()})

    def box(self, number: int) -> Mailbox:
        return Mailbox.objects.get(pk=self.cast.boxes[number].pk)

    def message_of(self, recipient: UUID) -> UUID:
        """The message of one of its recipients."""
        if recipient not in self._messages:
            self._messages[recipient] = Recipient.objects.values_list("message_id", flat=True).get(pk=recipient)
        return self._messages[recipient]

    def reviews_of(self, message: Message) -> list[UUID]:
        """Oldest first."""
        found = Review.objects.filter(message=message).order_by("opened_at", "pk")
        return list(found.values_list("pk", flat=True))
