"""A deleted account leaves nothing behind, whoever dies on the way, and nobody else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import zeal
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from config import grants
from config.invariants import check_all
from config.owner import as_owner
from mailboxes import accounts, clock, departure, erasure, mailbox, tombstones
from mailboxes.errors import Conflict
from mailboxes.models import Account, Erasure, Event, Mailbox, Tombstone, User
from mailboxes.modes import OversightMode
from messaging import return_paths
from messaging.inbound import intake
from messaging.models import Attachment, Message, RawMessage, Recipient
from messaging.outbound import dispatch, outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from messaging.signals import messages_departing
from messaging.tasks import sweep_files
from oversight import back_test_runs, departures
from tests import builders, files
from tests.arrivals import arrive, receive
from tests.contract.test_operations import WITH_A_FILE
from tests.leaving import all_rows, erase_all, furnished, leave, traces_of
from tests.letters import bounce, letter
from tests.outcomes import claim

pytestmark = pytest.mark.django_db(transaction=True)

WORD = "xylophone"
PATIENCE = 600
# What the erasure itself writes, the names of objects that storage is to forget among it; and the house's own mail,
# which went with the people it was written to.
# Suggestions: a sweep looks at everybody's mailboxes.
CHANGED = {"mailboxes_tombstone", "mailboxes_epoch", "mailboxes_switch", "messaging_remnant", "oversight_suggestion"}


@pytest.fixture(autouse=True)
def _without_limits(settings: Settings) -> Iterator[None]:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    with zeal.zeal_ignore():
        yield


def broken() -> dict[str, list[str]]:
    return {result.invariant.id: result.found for result in check_all() if not result.holds}


def test_no_table_knows_anything_of_a_deleted_account() -> None:
    alice = furnished(WORD, word=WORD)
    telling = traces_of(WORD, str(alice.account.pk))
    assert {"messaging_message", "mailboxes_event", "oversight_decision", "mailboxes_user", "axes_accesslog"} <= telling
    leave(alice.account)
    assert traces_of(WORD, str(alice.account.pk), str(alice.mailbox.pk)) == set()
    assert not Erasure.objects.exists()


def test_other_accounts_are_not_touched() -> None:
    furnished("bob", word="bassoon")
    back_test_runs.run_due(busy_for=PATIENCE)  # what she leaves asked for is no work of Alice's
    before = all_rows()
    alice = furnished(WORD, word=WORD)
    leave(alice.account)
    after = all_rows()
    house = str(accounts.platform().account.pk)
    changed = {
        table: [row for row in before[table] ^ after[table] if house not in row]
        for table in before
        if table not in CHANGED
    }
    assert {table: rows for table, rows in changed.items() if rows} == {}


def test_every_promise_is_kept_after_each_batch() -> None:
    furnished("bob", word="bassoon")
    alice = furnished(WORD, word=WORD)
    assert broken() == {}
    departure.depart(alice.account, by="test", now=clock.now())
    steps = 0
    while Account.objects.filter(pk=alice.account.pk).exists():
        assert broken() == {}
        erasure.erase_due(now=clock.now() + timedelta(minutes=steps), batch=2, busy_for=0)
        steps += 1
    assert steps > 10
    assert broken() == {}


def test_an_erasure_that_dies_in_the_middle_is_finished_by_the_next() -> None:
    alice = furnished(WORD, word=WORD)
    departure.depart(alice.account, by="test", now=clock.now())
    calls: list[int] = []

    def die_at_the_second(**_: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    messages_departing.connect(die_at_the_second)
    try:
        with pytest.raises(KeyboardInterrupt):
            erasure.erase_due(now=clock.now(), batch=2, busy_for=PATIENCE)
    finally:
        messages_departing.disconnect(die_at_the_second)
    assert Message.objects.filter(account=alice.account).exists()
    assert broken() == {}
    erase_all()
    assert traces_of(WORD, str(alice.account.pk)) == set()


def test_one_that_fails_is_put_off_and_holds_up_nobody() -> None:
    alice, bob = builders.tenant(), builders.tenant("bob")
    builders.submit(alice)

    def refuse(*, ids: list[UUID], **_: object) -> None:
        if Message.objects.filter(pk__in=ids, account=alice.account).exists():
            raise ValueError("This one can't be erased.")

    for account in (alice.account, bob.account):
        departure.depart(account, by="test", now=clock.now())
    messages_departing.connect(refuse)
    now = clock.now()
    try:
        erasure.erase_due(now=now, busy_for=PATIENCE)
    finally:
        messages_departing.disconnect(refuse)
    assert list(Account.objects.filter(is_platform=False)) == [alice.account]
    row = Erasure.objects.get()
    assert (row.failures_count, row.due_at > now) == (1, True)
    erase_all()
    assert not Account.objects.filter(is_platform=False).exists()


def test_what_a_worker_holds_is_erased_when_its_attempt_has_ended() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    dispatch.drain()  # the house's own mail to her
    message = builders.submit(alice)
    [attempt] = claim(message)
    departure.depart(alice.account, by="test", now=clock.now())
    erasure.erase_due(now=clock.now())
    assert Message.objects.filter(pk=message.pk).exists()
    outcomes.record(attempt, Outcome(OutcomeKind.SENT, "250", "Taken."), now=clock.now())
    assert Event.objects.filter(subject=str(message.pk), kind="message.sent").exists()
    erase_all()
    assert not Account.objects.filter(pk=alice.account.pk).exists()


def test_an_outcome_or_a_report_about_erased_mail_changes_nothing() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    dispatch.drain()
    message = builders.submit(alice)
    [attempt] = claim(message)
    outcomes.record(attempt, Outcome(OutcomeKind.UNKNOWN, "x", "Lost."), now=clock.now())
    leave(alice.account)
    before = all_rows()
    outcomes.record(attempt, Outcome(OutcomeKind.SENT, "250", "Taken."), now=clock.now())
    assert all_rows() == before


def test_a_bounce_that_comes_when_all_is_erased_is_not_kept() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    dispatch.drain()
    message = builders.submit(alice)
    recipient = Recipient.objects.get(message=message)
    dispatch.drain()
    leave(alice.account)
    path = return_paths.return_path_of(recipient.pk, domain="agents.example", now=clock.now())
    report = bounce(recipient.address, to=path)
    first, second = (receive(report, path, sender="") for _ in range(2))
    assert second.duplicate_of == first
    assert intake.process(first, now=clock.now())
    assert not RawMessage.objects.exists()


def test_a_receipt_holds_numbers_and_nothing_of_the_account(settings: Settings) -> None:
    settings.KEEP_AFTER_DELETION = "receipt"
    alice = furnished(WORD, word=WORD)
    departure.depart(alice.account, by="test", now=clock.now())
    last = Event.objects.filter(account=alice.account).latest("seq")
    assert last.kind == "account.deleted"
    erase_all()
    receipt = Erasure.objects.get()
    assert traces_of(WORD, str(alice.account.pk)) == set()
    assert (receipt.last_hash, receipt.account_id, receipt.counts["account"]) == (last.hash, None, 1)
    assert receipt.counts["messages"] > 5
    assert receipt.finished_at is not None


def test_nobody_else_ever_gets_the_slug_or_an_address() -> None:
    alice = builders.tenant()
    slug = alice.account.slug
    domain = accounts.platform().domain
    second = mailbox.create(alice.account, mailbox.NewMailbox("desk-of-hers", domain), now=clock.now())
    mailbox.delete(second, by="test", now=clock.now())
    leave(alice.account)
    assert accounts.slug_state(slug) == "taken"
    bob = builders.tenant("bob")
    for address in (slug, slug.upper(), "desk-of-hers"):
        with pytest.raises(Conflict):
            mailbox.create(bob.account, mailbox.NewMailbox(address, domain), now=clock.now())
    with pytest.raises(Conflict):
        accounts.sign_up(
            accounts.SignUp(email="new@people.example", password=builders.PASSWORD, slug=slug), now=clock.now()
        )
    assert Tombstone.objects.count() == 4  # slug, id, two addresses


def test_a_tombstone_is_read_with_an_old_secret_key(settings: Settings) -> None:
    tombstones.lay(["alice"])
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert tombstones.is_laid("alice")
    settings.SECRET_KEY_FALLBACKS = []
    assert not tombstones.is_laid("alice")


def test_somebody_who_belongs_to_another_account_stays_there() -> None:
    alice, bob = builders.tenant(), builders.tenant("bob")
    bob.account.members.create(user=alice.owner.user, role="viewer")
    leave(alice.account)
    user = User.objects.get(pk=alice.owner.user_id)
    assert user.is_active
    assert [member.account for member in user.memberships.all()] == [bob.account]


def test_an_operator_is_never_erased_with_an_account() -> None:
    alice = builders.tenant()
    User.objects.filter(pk=alice.owner.user_id).update(is_staff=True)
    leave(alice.account)
    assert User.objects.get(pk=alice.owner.user_id).is_active


def test_what_came_in_the_moment_of_the_deletion_goes_too() -> None:
    alice = builders.tenant()
    row = receive(letter(to=alice.mailbox.full_address), alice.mailbox.full_address)
    tagged = receive(letter(to=alice.mailbox.full_address), f"{alice.account.slug}+tag@agents.example")
    RawMessage.objects.filter(pk__in=[row.pk, tagged.pk]).update(mailbox=None)
    leave(alice.account)
    assert not RawMessage.objects.exists()


def test_the_mail_of_a_deleted_mailbox_goes_and_the_rest_of_the_account_stays() -> None:
    alice = furnished("alice", word="bassoon")
    box = mailbox.create(
        alice.account,
        mailbox.NewMailbox(f"{WORD}-desk", alice.mailbox.domain, display_name=WORD, metadata={"a": WORD}),
        now=clock.now(),
    )
    arrive(box, letter(to=box.full_address, subject=WORD))
    before = Message.objects.filter(mailbox=alice.mailbox).count()
    mailbox.delete(box, by="test", now=clock.now())
    erase_all()
    # The log holds ids and addresses, no words of mail; the row holds the address.
    assert traces_of(WORD) == {"mailboxes_mailbox", "mailboxes_event"}
    assert Message.objects.filter(mailbox=alice.mailbox).count() == before
    assert Mailbox.objects.get(pk=box.pk).display_name == ""
    assert not Erasure.objects.exists()
    assert broken() == {}


def test_what_waits_in_a_deleted_mailbox_is_cancelled_before_it_is_erased() -> None:
    alice = builders.tenant()
    review = builders.held(alice)
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    erasure.erase_due(now=clock.now())
    assert Message.objects.filter(pk=review.message_id).exists()
    assert departures.cancel_due(now=clock.now()) == 1
    erase_all()
    assert not Message.objects.filter(account=alice.account).exists()
    kinds = Event.objects.filter(account=alice.account).order_by("seq").values_list("kind", flat=True)
    assert list(kinds)[-2:] == ["message.cancelled", "review.cancelled"]
    assert broken() == {}


def test_a_deferred_mail_that_may_have_left_is_erased_with_its_mailbox() -> None:
    alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
    message = builders.submit(alice)
    [attempt] = claim(message)
    Recipient.objects.get(message=message).attempts.update(data_at=clock.now(), phase="data")
    outcomes.record(attempt, Outcome(OutcomeKind.DEFERRED, "451", "Later."), now=clock.now())
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert departures.cancel_due(now=clock.now()) == 0
    erase_all()
    assert not Message.objects.filter(pk=message.pk).exists()


# --- what the database itself refuses ---------------------------------------------------------------------------------


def ask(statement: str, *given: UUID | list[UUID]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, given)


def test_the_application_erases_nothing_of_an_account_that_has_not_departed() -> None:
    alice = furnished("alice", word="bassoon")
    messages = list(Message.objects.filter(account=alice.account).values_list("pk", flat=True))
    for statement, given in (
        ("SELECT mailboxes_erase_events(%s, 10)", alice.account.pk),
        ("SELECT mailboxes_erase_events(%s, 10)", accounts.platform().account.pk),
        ("SELECT messaging_erase_revisions(%s)", messages),
        ("SELECT oversight_erase_decisions(%s)", messages),
    ):
        with pytest.raises(DatabaseError, match=r"not departed|stay"):
            ask(statement, given)


FORGERIES = [
    "DELETE FROM mailboxes_event",
    "UPDATE mailboxes_event SET data = '{}'",
    "DELETE FROM messaging_revision",
    "DELETE FROM oversight_decision",
    "DELETE FROM mailboxes_account",
    "DELETE FROM messaging_message",
    "DELETE FROM oversight_review",
    "UPDATE mailboxes_account SET departed_at = NULL WHERE departed_at IS NOT NULL",
    "UPDATE mailboxes_account SET departed_at = now() - interval '30 days' WHERE NOT is_platform",
    "UPDATE mailboxes_account SET departed_at = now() WHERE is_platform",
    "UPDATE mailboxes_account SET is_platform = false WHERE is_platform",
    "UPDATE mailboxes_mailbox SET deleted_at = NULL WHERE deleted_at IS NOT NULL",
    "UPDATE mailboxes_mailbox SET account_id = (SELECT id FROM mailboxes_account WHERE is_platform)",
    "UPDATE messaging_message SET mailbox_id = (SELECT id FROM mailboxes_mailbox WHERE address = 'no-reply')",
    "UPDATE oversight_review SET message_id = (SELECT id FROM messaging_message ORDER BY id LIMIT 1)",
    "CREATE OR REPLACE FUNCTION gatepost_deletion_delay() RETURNS interval LANGUAGE sql AS 'SELECT interval ''0'''",
]


def test_the_application_can_not_bring_about_what_may_be_erased() -> None:
    furnished("alice", word="bassoon")
    departure.depart(builders.tenant("carol").account, by="test", now=clock.now())
    for statement in FORGERIES:
        with pytest.raises(DatabaseError):
            ask(statement)


def test_nothing_is_erased_before_the_operators_delay_is_over(settings: Settings) -> None:
    alice = furnished(WORD, word=WORD)
    settings.DELETION_DELAY_DAYS = 30
    try:
        with as_owner():
            grants.set_deletion_delay()
        departure.depart(alice.account, by="test", now=clock.now())
        assert erasure.erase_due(now=clock.now() + timedelta(days=29)) == 0
        with pytest.raises(DatabaseError, match="long enough"):
            ask("SELECT mailboxes_erase_events(%s, 10)", alice.account.pk)
        assert outbox.claim_due(limit=10, now=clock.now() + timedelta(days=1)) == []
        assert Message.objects.filter(account=alice.account).exists()
    finally:
        settings.DELETION_DELAY_DAYS = 0
        with as_owner():
            grants.set_deletion_delay()
    erase_all()
    Erasure.objects.update(due_at=clock.now())
    erase_all()
    assert traces_of(WORD) == set()


def test_the_files_of_a_deleted_mailbox_are_given_back_and_go_from_storage(files_folder: Path) -> None:
    alice = builders.tenant()
    arrive(alice.mailbox, WITH_A_FILE)
    sent = files.upload(alice, b"sent")
    Attachment.objects.filter(pk=sent.pk).update(message=builders.submit(alice))
    files.upload(alice, b"unsent")
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    departures.cancel_due(now=clock.now())
    erase_all()
    sweep_files()
    assert files.used(alice) == 6
    assert files.objects(files_folder) == [files.digest(b"unsent")]
    assert broken() == {}


def test_the_files_of_a_deleted_account_go_from_storage(files_folder: Path) -> None:
    alice = builders.tenant()
    arrive(alice.mailbox, WITH_A_FILE)
    files.upload(alice)
    leave(alice.account)
    sweep_files()
    assert files.objects(files_folder) == []
    assert traces_of(str(alice.account.pk)) == set()
