"""A message is lost, sent twice, or sent although it was over."""

from __future__ import annotations

from mailboxes.ids import new_id
from messaging.models import Attempt
from tests import builders
from tests.builders import Tenant

from .forging import Forgery, approved, attempted, forge


def message_is_forgotten(alice: Tenant) -> None:
    approved(alice)
    builders.release()
    forge("UPDATE messaging_recipient SET next_at = NULL")


def recipient_is_sent_to_twice(alice: Tenant) -> None:
    attempt = attempted(alice)
    _finish(attempt, "sent")
    _attempt_again(attempt, outcome="sent")


def attempt_is_left_out(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE messaging_attempt SET number = 3", "UPDATE messaging_recipient SET attempts_count = 3")


def second_attempt_begins_before_the_first_has_ended(alice: Tenant) -> None:
    attempt = attempted(alice)
    _finish(attempt, "deferred")
    _attempt_again(attempt, outcome="sent")
    forge("UPDATE messaging_attempt SET started_at = started_at - interval '1 hour' WHERE number = 2")


def unknown_is_tried_again(alice: Tenant) -> None:
    attempt = attempted(alice)
    _finish(attempt, "unknown")
    _attempt_again(attempt, outcome="failed")


def cancelled_message_was_attempted(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE messaging_message SET status = 'cancelled'")


def attempt_starts_before_undo_is_over(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE oversight_review SET release_at = release_at + interval '1 day'")


def domain_of_somebody_else_signs(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE mailboxes_domain SET name = 'elsewhere.example' WHERE NOT is_test")


def _finish(attempt: Attempt, outcome: str) -> None:
    forge(
        "UPDATE messaging_attempt SET phase = 'finished', finished_at = now(), outcome = %(outcome)s WHERE id = %(id)s",
        outcome=outcome,
        id=attempt.pk,
    )


def _attempt_again(first: Attempt, *, outcome: str) -> None:
    forge(
        "INSERT INTO messaging_attempt (id, recipient_id, number, version, phase, worker, started_at, lease_until,"
        " finished_at, outcome, code, text) VALUES (%(id)s, %(recipient)s, %(number)s, 1, 'finished', '', now(), now(),"
        " now(), %(outcome)s, '', '')",
        id=new_id(),
        recipient=first.recipient_id,
        number=first.number + 1,
        outcome=outcome,
    )


FORGERIES: list[tuple[str, Forgery]] = [
    ("I01", message_is_forgotten),
    ("I02", recipient_is_sent_to_twice),
    ("I02b", attempt_is_left_out),
    ("I02b", second_attempt_begins_before_the_first_has_ended),
    ("I03", unknown_is_tried_again),
    ("I08", cancelled_message_was_attempted),
    ("I35", domain_of_somebody_else_signs),
    ("I12", attempt_starts_before_undo_is_over),
]
