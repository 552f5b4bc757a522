"""The invariants: silent on sound data, and each names what breaks it when the owner of the database forges rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import DjangoDbBlocker, Settings

from config.invariants import INVARIANTS, check_all
from config.owner import as_owner
from mailboxes import clock, mailbox, quotas
from mailboxes.models import LimitKind
from mailboxes.modes import OversightMode
from messaging.outbound import outbox, outcomes
from messaging.outbound.outcomes import Outcome, OutcomeKind
from oversight import decisions, submission
from tests import builders
from tests.builders import Tenant
from tests.config.forgeries import FORGERIES
from tests.config.forgeries.forging import Forgery, approved, attempted, forge


@pytest.fixture(autouse=True)
def _in_a_transaction_of_the_owner(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Verbs and forgeries on one connection that may do both; nothing of it is committed."""
    with django_db_blocker.unblock(), as_owner(), transaction.atomic():
        yield
        transaction.set_rollback(True)


def broken() -> dict[str, list[str]]:
    return {result.invariant.id: result.found for result in check_all() if not result.holds}


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
    builders.release()
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
