"""What left was decided by nobody who may, or on something else."""

from __future__ import annotations

from mailboxes import clock, mailbox
from mailboxes.modes import OversightMode
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant

from .forging import Forgery, approved, attempted, forge


def decision_comes_after_the_attempt(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE oversight_decision SET decided_at = decided_at + interval '1 day'")


def decision_was_on_other_bytes(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE oversight_decision SET seal = repeat('0', 64)")


def author_approves(alice: Tenant) -> None:
    review = approved(alice)
    forge("UPDATE messaging_message SET member_id = %(me)s WHERE id = %(id)s", me=alice.owner.pk, id=review.message_id)


def stranger_decides(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE oversight_decision SET member_id = %(stranger)s", stranger=builders.tenant("charlie").owner.pk)


def key_sends_and_decides(alice: Tenant) -> None:
    forge("ALTER TABLE mailboxes_apikey DROP CONSTRAINT key_never_both_sends_and_decides")
    forge("UPDATE mailboxes_apikey SET scopes = '{send,decide}'")


def message_leaves_while_its_review_is_open(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE messaging_message SET status = 'queued' WHERE status = 'held'")


def review_is_closed_without_a_decision(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE oversight_review SET state = 'approved', decided_at = now()")


def gate_is_taken_away(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE messaging_message SET needs_decision = false")


def hidden_mail_is_shown(alice: Tenant) -> None:
    mailbox.set_mode(alice.mailbox, OversightMode.GATED_ALL, by="test", now=clock.now())
    arrive(alice.mailbox)
    forge("UPDATE messaging_message SET status = 'released', released_at = now() WHERE direction = 'INBOUND'")


FORGERIES: list[tuple[str, Forgery]] = [
    ("I04", decision_comes_after_the_attempt),
    ("I04", decision_was_on_other_bytes),
    ("I04b", hidden_mail_is_shown),
    ("I06", author_approves),
    ("I06", stranger_decides),
    ("I06b", key_sends_and_decides),
    ("I07b", message_leaves_while_its_review_is_open),
    ("I07", review_is_closed_without_a_decision),
    ("I09", gate_is_taken_away),
]
