"""Something starts although it was stopped."""

from __future__ import annotations

from datetime import timedelta

from mailboxes import clock, mailbox, stops
from mailboxes.models import StopScope
from mailboxes.modes import OversightMode
from messaging.models import SuppressionReason
from messaging.outbound import outbox
from messaging.recipients import suppressions
from oversight import decisions
from oversight.models import Review
from tests import builders
from tests.builders import Tenant
from tests.flips import Flip

from .forging import Forgery, attempted, forge


def attempt_starts_in_a_deleted_mailbox(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE mailboxes_mailbox SET deleted_at = now() - interval '1 day'")


def attempt_starts_in_a_paused_mailbox(alice: Tenant) -> None:
    attempted(alice)
    mailbox.change(alice.mailbox, status="PAUSED", now=clock.now())
    forge("UPDATE messaging_attempt SET started_at = now() + interval '1 hour'")


def attempt_starts_in_a_read_only_mailbox(alice: Tenant) -> None:
    attempted(alice)
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=clock.now())
    forge("UPDATE messaging_attempt SET started_at = now() + interval '1 hour'")


def attempt_starts_while_sending_is_stopped(alice: Tenant) -> None:
    attempted(alice)
    stops.stop(alice.owner, reason="test", now=clock.now())
    forge("UPDATE messaging_attempt SET started_at = now() + interval '1 hour'")


def body_begins_while_sending_is_stopped(alice: Tenant) -> None:
    attempted(alice)
    stops.stop(alice.owner, reason="test", now=clock.now())
    stops.resume(alice.owner, now=clock.now() + timedelta(days=1))
    forge("UPDATE messaging_attempt SET data_at = now() + interval '1 hour'")


def attempt_starts_while_its_mailbox_is_stopped(alice: Tenant) -> None:
    _part_stopped(alice, StopScope.MAILBOX)


def attempt_starts_while_its_agent_is_stopped(alice: Tenant) -> None:
    _part_stopped(alice, StopScope.AGENT)


def attempt_starts_while_its_key_is_stopped(alice: Tenant) -> None:
    _part_stopped(alice, StopScope.KEY)


def attempt_starts_while_everything_is_stopped(alice: Tenant) -> None:
    _part_stopped(alice, StopScope.EVERYTHING)


def _part_stopped(alice: Tenant, scope: StopScope) -> None:
    attempted(alice)
    Flip(alice, scope).stop()
    forge("UPDATE messaging_attempt SET started_at = now() + interval '1 hour'")


def body_begins_after_the_suppression(alice: Tenant) -> None:
    message = builders.submit(alice, to=("kim+news@friends.example",))
    review = Review.objects.get(message=message)
    decisions.approve(review, reviewer=builders.reviewer(alice.owner), version=1, now=clock.now())
    builders.release()
    outbox.claim_due(limit=10, now=clock.now() + timedelta(minutes=1))
    reason = SuppressionReason.MANUAL
    suppressions.add(alice.account, "kim@friends.example", reason=reason, now=clock.now())
    forge("UPDATE messaging_attempt SET data_at = now() + interval '1 hour'")


def revoked_key_sends(alice: Tenant) -> None:
    builders.submit(alice)
    forge("UPDATE mailboxes_apikey SET revoked_at = now() - interval '1 day'")


FORGERIES: list[tuple[str, Forgery]] = [
    ("I10", attempt_starts_in_a_deleted_mailbox),
    ("I10", attempt_starts_in_a_paused_mailbox),
    ("I10", attempt_starts_in_a_read_only_mailbox),
    ("I11", attempt_starts_while_sending_is_stopped),
    ("I11", attempt_starts_while_its_mailbox_is_stopped),
    ("I11", attempt_starts_while_its_agent_is_stopped),
    ("I11", attempt_starts_while_its_key_is_stopped),
    ("I11", attempt_starts_while_everything_is_stopped),
    ("I11", body_begins_while_sending_is_stopped),
    ("I20", body_begins_after_the_suppression),
    ("I40", revoked_key_sends),
]
