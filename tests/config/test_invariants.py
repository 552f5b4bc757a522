"""The invariants: silent on sound data, and each names what breaks it when the owner of the database forges rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker, Settings

from config.invariants import INVARIANTS, check_all
from config.owner import as_owner
from mailboxes import clock, mailbox, quotas, stops
from mailboxes.ids import new_id
from mailboxes.models import LimitKind
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Message, SuppressionReason
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.recipients import suppressions
from oversight import decisions, submission
from oversight.models import Review
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant

GUARDED = "messaging_message", "messaging_attempt", "messaging_revision", "mailboxes_event", "oversight_decision"


@pytest.fixture(autouse=True)
def _in_a_transaction_of_the_owner(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Verbs and forgeries on one connection that may do both; nothing of it is committed."""
    with django_db_blocker.unblock(), as_owner(), transaction.atomic():
        yield
        transaction.set_rollback(True)


def forge(*statements: str, **values: Any) -> None:
    """What nobody but the owner can do: change rows past verbs, grants and triggers."""
    with connection.cursor() as cursor:
        # A table with foreign keys still to be checked can't be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement, values)
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def broken() -> dict[str, list[str]]:
    return {result.invariant.id: result.found for result in check_all() if not result.holds}


def approved(owner: Tenant) -> Review:
    review = builders.held(owner, bcc=("quiet@friends.example",))
    decisions.approve(review, reviewer=builders.reviewer(owner.owner), version=1, now=clock.now())
    review.refresh_from_db()
    return review


def attempted(owner: Tenant) -> Attempt:
    """The first attempt on an approved message."""
    message = approved(owner).message
    claimed = outbox.claim_due(limit=10, now=clock.now() + timedelta(minutes=1))
    return next(one for one in claimed if one.recipient.message_id == message.pk)


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def test_nothing_is_broken_when_all_came_by_the_verbs(alice: Tenant) -> None:
    other = builders.tenant("bob", mode=OversightMode.MONITORED)
    builders.submit(other)
    attempted(alice)
    rejected, undone, cancelled = (builders.held(alice) for _ in range(3))
    reviewer = builders.reviewer(alice.owner)
    decisions.reject(rejected, reviewer=reviewer, version=1, reason="tone", now=clock.now())
    decisions.approve(undone, reviewer=reviewer, version=1, now=clock.now())
    decisions.undo(undone, reviewer=reviewer, now=clock.now())
    submission.cancel(alice.agent_actor, alice.mailbox.pk, cancelled.message_id, now=clock.now())
    later = clock.now() + timedelta(minutes=2)
    mailbox.set_mode(alice.mailbox, OversightMode.READ_ONLY, by="test", now=later)
    builders.submit(alice)
    assert broken() == {}


def test_nothing_is_broken_when_a_greylisted_mail_is_undone_and_approved_again(
    alice: Tenant, settings: Settings
) -> None:
    settings.UNDO_SECONDS = 3600
    later = clock.now() + timedelta(hours=2)
    review = approved(alice)
    claimed = outbox.claim_due(limit=10, now=later)
    greylisted = Outcome(OutcomeKind.DEFERRED, "450", "Come again.")
    outcomes.apply([(one, greylisted) for one in claimed], now=later)
    reviewer = builders.reviewer(alice.owner)
    decisions.undo(review, reviewer=reviewer, now=later + timedelta(minutes=1))
    assert broken() == {}
    decisions.approve(review, reviewer=reviewer, version=3, now=later + timedelta(minutes=2))
    assert broken() == {}
    submission.cancel(alice.agent_actor, alice.mailbox.pk, review.message_id, now=later + timedelta(minutes=3))
    assert broken() == {}


def test_every_invariant_has_its_own_id_and_a_sentence() -> None:
    ids = [invariant.id for invariant in INVARIANTS]
    assert ids == sorted(set(ids))
    assert all(invariant.sentence.endswith(".") for invariant in INVARIANTS)


def test_the_command_ends_well_when_every_invariant_holds(alice: Tenant) -> None:
    output = StringIO()
    call_command("check_invariants", stdout=output)
    lines = output.getvalue().splitlines()
    assert len(lines) == len(INVARIANTS)
    assert all(line.startswith("OK") for line in lines)


def test_the_command_names_the_broken_one_and_at_most_five_ids(alice: Tenant) -> None:
    for _ in range(6):
        builders.submit(alice)
    forge("UPDATE messaging_thread SET message_count = 7")
    output = StringIO()
    with pytest.raises(CommandError, match=r"^Broken: I50$"):
        call_command("check_invariants", stdout=output)
    [line] = [line for line in output.getvalue().splitlines() if line.startswith("FAIL")]
    assert line.startswith("FAIL I50")
    assert line.count("thread ") == 5


Forgery = Callable[[Tenant], None]


def message_is_forgotten(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE messaging_recipient SET next_at = NULL")


def recipient_is_sent_to_twice(alice: Tenant) -> None:
    attempt = attempted(alice)
    _finish(attempt, "sent")
    _attempt_again(attempt, outcome="sent")


def unknown_is_tried_again(alice: Tenant) -> None:
    attempt = attempted(alice)
    _finish(attempt, "unknown")
    _attempt_again(attempt, outcome="failed")


def decision_comes_after_the_attempt(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE oversight_decision SET decided_at = decided_at + interval '1 day'")


def decision_was_on_other_bytes(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE oversight_decision SET seal = repeat('0', 64)")


def bytes_are_swapped(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE messaging_revision SET raw = raw || 'x'::bytea")


def recipient_is_added_after_the_seal(alice: Tenant) -> None:
    message = builders.held(alice).message
    forge(
        "INSERT INTO messaging_recipient (id, message_id, address, kind, state, attempts_count, code, text)"
        " VALUES (%(id)s, %(message)s, 'eve@evil.example', 'bcc', 'waiting', 0, '', '')",
        id=new_id(),
        message=message.pk,
    )


def author_approves(alice: Tenant) -> None:
    review = approved(alice)
    forge("UPDATE messaging_message SET member_id = %(me)s WHERE id = %(id)s", me=alice.owner.pk, id=review.message_id)


def stranger_decides(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE oversight_decision SET member_id = %(stranger)s", stranger=builders.tenant("charlie").owner.pk)


def review_is_closed_without_a_decision(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE oversight_review SET state = 'approved', decided_at = now()")


def cancelled_message_was_attempted(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE messaging_message SET status = 'cancelled'")


def gate_is_taken_away(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE messaging_message SET needs_decision = false")


def attempt_starts_before_undo_is_over(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE oversight_review SET release_at = release_at + interval '1 day'")


def event_is_deleted(alice: Tenant) -> None:
    forge("DELETE FROM mailboxes_event WHERE account_id = %(account)s AND seq = 2", account=alice.account.pk)


def last_event_is_deleted(alice: Tenant) -> None:
    forge(
        "DELETE FROM mailboxes_event e USING mailboxes_eventcounter c"
        " WHERE e.account_id = c.account_id AND e.seq = c.last_seq AND e.account_id = %(account)s",
        account=alice.account.pk,
    )


def state_changes_without_an_event(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE messaging_message SET status = 'rejected' WHERE status = 'held'")


def quota_is_reset(alice: Tenant) -> None:
    builders.submit(alice)
    forge("UPDATE mailboxes_usage SET used = 0 WHERE kind = 'daily_sends' AND account_id = %(a)s", a=alice.account.pk)


def received_mail_is_counted_once_only(alice: Tenant) -> None:
    arrive(alice.mailbox)
    forge("DELETE FROM mailboxes_usage WHERE kind = 'monthly_inbound' AND subject_id = %(m)s", m=alice.mailbox.pk)


def bounce_is_not_counted(alice: Tenant) -> None:
    builders.submit(alice)
    forge("UPDATE messaging_recipient SET state = 'bounced'")


def mailbox_moves_to_another_account(alice: Tenant) -> None:
    other = builders.tenant("bob")
    forge("UPDATE mailboxes_mailbox SET account_id = %(a)s WHERE id = %(m)s", a=other.account.pk, m=alice.mailbox.pk)


def review_moves_to_another_account(alice: Tenant) -> None:
    review = builders.held(alice)
    forge(
        "UPDATE oversight_review SET account_id = %(a)s WHERE id = %(r)s",
        a=builders.tenant("bob").account.pk,
        r=review.pk,
    )


def thread_joins_two_mailboxes(alice: Tenant) -> None:
    theirs, mine = builders.submit(builders.tenant("bob")), builders.submit(alice)
    forge("UPDATE messaging_message SET thread_id = %(t)s WHERE id = %(m)s", t=theirs.thread_id, m=mine.pk)


def received_bytes_change(alice: Tenant) -> None:
    _received(alice)
    forge("UPDATE messaging_rawmessage SET raw = 'other'")


def duplicate_becomes_a_message(alice: Tenant) -> None:
    _received(alice, duplicate_of=_received(alice, message=builders.submit(alice)), message=builders.submit(alice))


def mail_is_shown_without_a_word(alice: Tenant) -> None:
    message = builders.submit(alice)
    _received(alice, message=message)
    forge("UPDATE messaging_message SET direction = 'INBOUND', status = 'released' WHERE id = %(m)s", m=message.pk)


def bcc_stands_in_the_header(alice: Tenant) -> None:
    builders.submit(alice, bcc=("quiet@friends.example",))
    forge("UPDATE messaging_revision SET raw = 'Bcc: quiet@friends.example\r\n'::bytea || raw")


def blind_recipient_is_named_in_cc(alice: Tenant) -> None:
    builders.submit(alice, bcc=("quiet@friends.example",))
    forge("UPDATE messaging_revision SET raw = 'Cc: Q <quiet@friends.example>\r\n'::bytea || raw")


def second_from_is_added(alice: Tenant) -> None:
    builders.submit(alice)
    forge("UPDATE messaging_revision SET raw = 'From: eve@evil.example\r\n'::bytea || raw")


def event_is_rewritten(alice: Tenant) -> None:
    forge("UPDATE mailboxes_event SET data = '{}' WHERE account_id = %(account)s AND seq = 2", account=alice.account.pk)


def decision_is_not_told(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE mailboxes_event SET data = '{}' WHERE kind = 'review.approved'")


def key_is_written_into_an_event(alice: Tenant) -> None:
    forge("UPDATE mailboxes_event SET data = %(data)s WHERE seq = 1", data=f'{{"key":"{alice.key_text}"}}')


def private_key_lies_open(alice: Tenant) -> None:
    forge("UPDATE mailboxes_dkimkey SET private_key = '-----BEGIN PRIVATE KEY-----'")


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


def attempt_is_left_out(alice: Tenant) -> None:
    attempted(alice)
    forge("UPDATE messaging_attempt SET number = 3", "UPDATE messaging_recipient SET attempts_count = 3")


def second_attempt_begins_before_the_first_has_ended(alice: Tenant) -> None:
    attempt = attempted(alice)
    _finish(attempt, "deferred")
    _attempt_again(attempt, outcome="sent")
    forge("UPDATE messaging_attempt SET started_at = started_at - interval '1 hour' WHERE number = 2")


def key_sends_and_decides(alice: Tenant) -> None:
    forge("ALTER TABLE mailboxes_apikey DROP CONSTRAINT key_never_both_sends_and_decides")
    forge("UPDATE mailboxes_apikey SET scopes = '{send,decide}'")


def message_leaves_while_its_review_is_open(alice: Tenant) -> None:
    builders.held(alice)
    forge("UPDATE messaging_message SET status = 'queued' WHERE status = 'held'")


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
    stops.stop(alice.account, member=alice.owner, reason="test", now=clock.now())
    forge("UPDATE messaging_attempt SET started_at = now() + interval '1 hour'")


def body_begins_while_sending_is_stopped(alice: Tenant) -> None:
    attempted(alice)
    stops.stop(alice.account, member=alice.owner, reason="test", now=clock.now())
    stops.resume(alice.account, member=alice.owner, now=clock.now() + timedelta(days=1))
    forge("UPDATE messaging_attempt SET data_at = now() + interval '1 hour'")


def end_is_told_twice(alice: Tenant) -> None:
    submission.cancel(alice.agent_actor, alice.mailbox.pk, builders.held(alice).message_id, now=clock.now())
    forge(
        "INSERT INTO mailboxes_event (id, account_id, seq, kind, subject, mailbox_id, data, created_at, hash)"
        " SELECT %(id)s, account_id, seq + 1000, kind, subject, mailbox_id, data, created_at, hash"
        " FROM mailboxes_event WHERE kind = 'message.cancelled'",
        id=new_id(),
    )


def body_begins_after_the_suppression(alice: Tenant) -> None:
    message = builders.submit(alice, to=("kim+news@friends.example",))
    review = Review.objects.get(message=message)
    decisions.approve(review, reviewer=builders.reviewer(alice.owner), version=1, now=clock.now())
    outbox.claim_due(limit=10, now=clock.now() + timedelta(minutes=1))
    reason = SuppressionReason.MANUAL
    suppressions.add(alice.account, "kim@friends.example", reason=reason, now=clock.now())
    forge("UPDATE messaging_attempt SET data_at = now() + interval '1 hour'")


def complaint_suppresses_nothing(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE messaging_recipient SET state = 'complained'")


def hard_bounce_suppresses_nothing(alice: Tenant) -> None:
    approved(alice)
    forge("UPDATE messaging_recipient SET state = 'bounced', code = '5.1.1'")


def received_mail_comes_to_nothing(alice: Tenant) -> None:
    _received(alice)


def revoked_key_sends(alice: Tenant) -> None:
    builders.submit(alice)
    forge("UPDATE mailboxes_apikey SET revoked_at = now() - interval '1 day'")


FORGERIES: list[tuple[str, Forgery]] = [
    ("I01", message_is_forgotten),
    ("I02", recipient_is_sent_to_twice),
    ("I02b", attempt_is_left_out),
    ("I02b", second_attempt_begins_before_the_first_has_ended),
    ("I03", unknown_is_tried_again),
    ("I04", decision_comes_after_the_attempt),
    ("I04", decision_was_on_other_bytes),
    ("I05", bytes_are_swapped),
    ("I05", recipient_is_added_after_the_seal),
    ("I06", author_approves),
    ("I06", stranger_decides),
    ("I06b", key_sends_and_decides),
    ("I07b", message_leaves_while_its_review_is_open),
    ("I07", review_is_closed_without_a_decision),
    ("I08", cancelled_message_was_attempted),
    ("I09", gate_is_taken_away),
    ("I10", attempt_starts_in_a_deleted_mailbox),
    ("I10", attempt_starts_in_a_paused_mailbox),
    ("I10", attempt_starts_in_a_read_only_mailbox),
    ("I11", attempt_starts_while_sending_is_stopped),
    ("I11", body_begins_while_sending_is_stopped),
    ("I12", attempt_starts_before_undo_is_over),
    ("I13", event_is_deleted),
    ("I13", last_event_is_deleted),
    ("I16", state_changes_without_an_event),
    ("I16b", end_is_told_twice),
    ("I20", body_begins_after_the_suppression),
    ("I21", complaint_suppresses_nothing),
    ("I21", hard_bounce_suppresses_nothing),
    ("I22", quota_is_reset),
    ("I22", received_mail_is_counted_once_only),
    ("I22", bounce_is_not_counted),
    ("I23", two_answers_to_one_key),
    ("I24", mailbox_moves_to_another_account),
    ("I25", review_moves_to_another_account),
    ("I26", received_bytes_change),
    ("I26b", received_mail_comes_to_nothing),
    ("I27", duplicate_becomes_a_message),
    ("I28", mail_is_shown_without_a_word),
    ("I31", thread_joins_two_mailboxes),
    ("I33", bcc_stands_in_the_header),
    ("I33", blind_recipient_is_named_in_cc),
    ("I34", second_from_is_added),
    ("I37", event_is_rewritten),
    ("I38", decision_is_not_told),
    ("I39", key_is_written_into_an_event),
    ("I39", private_key_lies_open),
    ("I40", revoked_key_sends),
    ("I50", attempts_are_miscounted),
    ("I50", state_does_not_follow_from_recipients),
]


@pytest.mark.parametrize(("name", "forgery"), FORGERIES, ids=[f"{name}-{how.__name__}" for name, how in FORGERIES])
def test_the_invariant_is_named_when(name: str, forgery: Forgery, alice: Tenant) -> None:
    assert broken() == {}
    forgery(alice)
    assert name in broken()


def test_every_invariant_has_a_forgery_that_breaks_it() -> None:
    assert {invariant.id for invariant in INVARIANTS} == {name for name, _ in FORGERIES}


def test_a_mailbox_given_back_is_not_counted(alice: Tenant) -> None:
    second = mailbox.create(
        alice.account, mailbox.NewMailbox(address="second-one", domain=alice.mailbox.domain), now=clock.now()
    )
    mailbox.delete(second, by="test", now=clock.now())
    assert quotas.used([alice.account.pk], LimitKind.MAILBOXES, now=clock.now()) == {alice.account.pk: 1}
    assert broken() == {}


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


def _received(alice: Tenant, *, message: Message | None = None, duplicate_of: UUID | None = None) -> UUID:
    """A raw row past the verbs; its bytes fit its hash."""
    pk = new_id()
    forge(
        "INSERT INTO messaging_rawmessage (id, mailbox_id, message_id, envelope_sender, envelope_recipient, via, peer,"
        " helo, raw, sha256, dedupe_key, duplicate_of_id, processed_at, received_at) VALUES (%(id)s, %(mailbox)s,"
        " %(message)s, '', '', 'test', '', '', 'mail'::bytea, encode(sha256('mail'::bytea), 'hex'), 'same',"
        " %(duplicate_of)s, now(), now())",
        id=pk,
        mailbox=alice.mailbox.pk,
        message=message.pk if message else None,
        duplicate_of=duplicate_of,
    )
    return pk
