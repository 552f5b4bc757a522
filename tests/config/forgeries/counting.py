"""Counters no longer agree with the rows."""

from __future__ import annotations

from mailboxes.ids import new_id
from tests import builders
from tests.arrivals import arrive, withheld
from tests.builders import Tenant
from tests.contract.test_operations import WITH_A_FILE

from .forging import Forgery, approved, attempted, forge


def quota_is_reset(alice: Tenant) -> None:
    builders.submit(alice)
    forge("UPDATE mailboxes_usage SET used = 0 WHERE kind = 'daily_sends' AND account_id = %(a)s", a=alice.account.pk)


def received_mail_is_counted_once_only(alice: Tenant) -> None:
    arrive(alice.mailbox)
    forge("DELETE FROM mailboxes_usage WHERE kind = 'monthly_inbound' AND subject_id = %(m)s", m=alice.mailbox.pk)


def withheld_mail_is_not_counted(alice: Tenant) -> None:
    withheld(alice.mailbox)
    forge("UPDATE mailboxes_usage SET used = 0 WHERE kind = 'over_limit'")


def withheld_mail_is_counted_into_its_thread(alice: Tenant) -> None:
    withheld(alice.mailbox)
    forge("UPDATE messaging_thread SET message_count = 1")


def thread_of_withheld_mail_tells_who_wrote(alice: Tenant) -> None:
    withheld(alice.mailbox)
    forge("UPDATE messaging_thread SET participants = '{kim@friends.example}'")


def bounce_is_not_counted(alice: Tenant) -> None:
    builders.submit(alice)
    forge("UPDATE messaging_recipient SET state = 'bounced'")


def stored_file_is_not_counted(alice: Tenant) -> None:
    forge(
        "INSERT INTO messaging_storedfile (id, account_id, sha256, size_bytes, name, created_at)"
        " VALUES (%(id)s, %(a)s, 'x', 5, 'x', now())",
        id=new_id(),
        a=alice.account.pk,
    )


def received_file_is_not_counted(alice: Tenant) -> None:
    arrive(alice.mailbox, WITH_A_FILE)
    forge("DELETE FROM mailboxes_usage WHERE kind = 'storage_bytes'")


def two_answers_to_one_key(alice: Tenant) -> None:
    forge("DROP INDEX idempotent_answer_once")
    for _ in range(2):
        forge(
            "INSERT INTO mailboxes_idempotentanswer (id, scope, route, key, request_hash, status, body, created_at)"
            " VALUES (%(id)s, 's', 'r', 'k', '', 201, '{}', now())",
            id=new_id(),
        )


def attempts_are_miscounted(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE messaging_recipient SET attempts_count = 5")


def state_does_not_follow_from_recipients(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE messaging_recipient SET state = 'failed', next_at = NULL")


FORGERIES: list[tuple[str, Forgery]] = [
    ("I22", quota_is_reset),
    ("I22", received_mail_is_counted_once_only),
    ("I22", withheld_mail_is_not_counted),
    ("I22", bounce_is_not_counted),
    ("I22", stored_file_is_not_counted),
    ("I22", received_file_is_not_counted),
    ("I23", two_answers_to_one_key),
    ("I50", withheld_mail_is_counted_into_its_thread),
    ("I50", thread_of_withheld_mail_tells_who_wrote),
    ("I50", attempts_are_miscounted),
    ("I50", state_does_not_follow_from_recipients),
]
