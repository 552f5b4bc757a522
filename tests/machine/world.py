"""The real thing, as the machine drives it: one account in a transaction of its own, under a clock that obeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from config.owner import as_owner
from mailboxes import clock, mailbox, statements, stops
from mailboxes.models import Mailbox, Member, Role
from mailboxes.modes import OversightMode
from messaging import return_paths
from messaging.inbound import feedback
from messaging.mime.types import Report, ReportKind
from messaging.models import Message, Recipient, SuppressionReason
from messaging.recipients import suppressions
from oversight import decisions, departures, releases, reviews, submission
from oversight.models import Review
from tests import builders
from tests.builders import Tenant

from . import checks, workers

REPORTS = {
    "sent": (ReportKind.DELAY, "4.4.1"),
    "delivered": (ReportKind.DELIVERED, "2.0.0"),
    "bounced": (ReportKind.BOUNCE, "5.1.1"),
    "complained": (ReportKind.COMPLAINT, ""),
}

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
    """Who acts in every example; committed once, with nothing left in the outbox."""

    alice: Tenant
    boxes: list[Mailbox]
    rhea: Member
    viewer: Member


def make_cast(modes: list[str]) -> Cast:
    alice = builders.tenant()
    domain = alice.mailbox.domain
    boxes = [
        mailbox.create(alice.account, mailbox.NewMailbox(f"box-{number}", domain), now=clock.now())
        for number in range(len(modes))
    ]
    for box, mode in zip(boxes, modes, strict=True):
        mailbox.set_mode(box, OversightMode(mode), by="test", now=clock.now())
    _send_all()
    viewer = builders.member(alice.account, "vera", Role.VIEWER)
    return Cast(alice, boxes, builders.member(alice.account, "rhea"), viewer)


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
        self._cast, self._now = cast, now
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
        self._now = now
        statements.run("SELECT set_config('warp.now', %(now)s, true)", {"now": now.isoformat()})

    def set_crash(self, at: datetime) -> None:
        statements.run("SELECT set_config('warp.crashed_at', %(at)s, true)", {"at": at.isoformat()})

    def submit(self, box: int, mode: str | None, addresses: list[str]) -> submission.Submitted:
        draft = builders.draft(self._cast.boxes[box], to=tuple(addresses), oversight_mode=mode)
        return submission.submit_in_full(draft, actor=self._cast.alice.agent_actor, now=self._now)

    def approve(self, review: Review, version: int, *, is_viewer: bool) -> None:
        reviewer = self._reviewer(is_viewer)
        decisions.approve(review, reviewer=reviewer, version=version, now=self._now)

    def reject(self, review: Review, version: int, *, is_viewer: bool) -> None:
        reviewer = self._reviewer(is_viewer)
        decisions.reject(review, reviewer=reviewer, version=version, reason="tone", now=self._now)

    def undo(self, review: Review, version: int, *, is_viewer: bool) -> None:
        reviewer = self._reviewer(is_viewer)
        decisions.undo(review, reviewer=reviewer, version=version, now=self._now)

    def cancel(self, message: Message) -> None:
        submission.cancel(self._cast.alice.agent_actor, message.mailbox_id, message.pk, now=self._now)

    def expire(self) -> int:
        return reviews.expire_due(now=self._now)

    def release(self) -> int:
        return releases.release_due(now=self._now)

    def cancel_departed(self) -> int:
        return departures.cancel_due(now=self._now)

    def report(self, message: Message, address: str, state: str) -> str:
        kind, status = REPORTS[state]
        recipient = message.recipients.get(address=address)
        path = return_paths.return_path_of(recipient.pk, domain="agents.example", now=self._now)
        token = path.partition("@")[0].removeprefix("b+")
        try:
            feedback.apply(Report(kind=kind, recipients=(address,), status=status, token=token), now=self._now)
        except feedback.TooEarly:
            return "too_early"
        return "taken"

    def suppress(self, address: str) -> None:
        suppressions.add(self._cast.alice.account, address, reason=SuppressionReason.MANUAL, now=self._now)

    def stop(self) -> bool:
        return stops.stop(self._cast.rhea, reason="test", now=self._now) is not None

    def resume(self) -> bool:
        return stops.resume(self._cast.alice.owner, now=self._now) is not None

    def set_mode(self, box: int, mode: str) -> None:
        mailbox.set_mode(self._box(box), OversightMode(mode), by="test", now=self._now)

    def set_status(self, box: int, status: str) -> None:
        mailbox.change(self._box(box), status=status, now=self._now)

    def delete(self, box: int) -> None:
        mailbox.delete(self._box(box), by="test", now=self._now)

    def _box(self, box: int) -> Mailbox:
        return Mailbox.objects.get(pk=self._cast.boxes[box].pk)

    def _reviewer(self, is_viewer: bool) -> decisions.Reviewer:
        return builders.reviewer(self._cast.viewer if is_viewer else self._cast.rhea)
