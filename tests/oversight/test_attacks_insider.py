"""A63, A64: who has the database, or the operator's desk, changes no decision and no mail without being seen.

(The log itself: tests/mailboxes/test_audit.py; what people are shown: test_edits.py; the admin's forms:
tests/config/test_admin.py.)
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import Error, connection, transaction
from django.test import Client
from django.urls import reverse

from config.owner import as_owner
from mailboxes import clock
from mailboxes.models import User
from messaging.models import Captured, Message, Recipient, Revision
from messaging.outbound import dispatch
from oversight import decisions
from oversight.models import Decision, Review
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db(transaction=True)

BY_THE_APPLICATION = {
    "a decision turned round": "UPDATE oversight_decision SET kind = 'reject'",
    "a decision taken away": "DELETE FROM oversight_decision",
    "decisions emptied": "TRUNCATE oversight_decision CASCADE",
    "another decider": "UPDATE oversight_decision SET member_id = member_id",
    "the tail of the log": "DELETE FROM mailboxes_event WHERE seq = (SELECT max(seq) FROM mailboxes_event)",
    "an event rewritten": "UPDATE mailboxes_event SET data = '{}'",
    "the log emptied": "TRUNCATE mailboxes_event CASCADE",
    "a place in the log taken twice": "INSERT INTO mailboxes_event SELECT gen_random_uuid(), seq, kind, subject, "
    "mailbox_id, data, created_at, hash, account_id FROM mailboxes_event LIMIT 1",
    "sealed bytes": "UPDATE messaging_revision SET raw = 'Subject: another'::bytea",
    "a seal": "UPDATE messaging_revision SET seal = repeat('0', 64)",
    "sealed bytes taken away": "DELETE FROM messaging_revision",
    "no decision needed": "UPDATE messaging_message SET needs_decision = false",
    "the guard": "DROP TRIGGER IF EXISTS attempt_needs_decision ON messaging_attempt",
    "all guards": "ALTER TABLE messaging_attempt DISABLE TRIGGER ALL",
}


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def approved(alice: Tenant) -> Review:
    review = builders.held(alice, subject="What was read")
    decisions.approve(review, reviewer=builders.reviewer(alice.owner), version=1, now=clock.now())
    return review


def leave(review: Review) -> Message:
    """What becomes of it once a worker comes by."""
    builders.release()
    Recipient.objects.filter(message=review.message_id, next_at__isnull=False).update(next_at=clock.now())
    dispatch.drain()
    return Message.objects.get(pk=review.message_id)


KEPT = ("oversight_decision", "mailboxes_event", "messaging_revision", "messaging_message")


def everything() -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(f"(SELECT json_agg(t ORDER BY id) FROM {table} t)::text" for table in KEPT)  # noqa: S608
        )
        return list(cursor.fetchone())


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def tamper(statement: str, review: Review) -> None:
    """Change a sealed revision as the owner of the tables, with its guards switched off meanwhile."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_revision DISABLE TRIGGER USER")
        cursor.execute(statement, [review.message_id])
        assert cursor.rowcount == 1
        cursor.execute("ALTER TABLE messaging_revision ENABLE TRIGGER USER")


def test_the_application_itself_can_change_neither_decisions_nor_the_log_nor_sealed_bytes(alice: Tenant) -> None:
    """A63: by SQL, with all the rights that a stolen web process has."""
    approved(alice)
    before = everything()
    let_through = []
    for what, statement in BY_THE_APPLICATION.items():
        try:
            run(statement)
        except Error:
            continue
        let_through.append(what)
    assert let_through == []
    assert everything() == before


def test_bytes_that_the_owner_changed_after_the_approval_do_not_leave(alice: Tenant) -> None:
    """A63: the owner of the database can change them, and the seal says so before the first byte."""
    review = approved(alice)
    tamper(
        "UPDATE messaging_revision SET"
        " raw = convert_to(replace(convert_from(raw, 'UTF8'), 'What was read', 'Pay to me'), 'UTF8')"
        " WHERE message_id = %s",
        review,
    )
    assert b"Pay to me" in bytes(Revision.objects.get(message=review.message_id).raw)
    leave(review)
    assert not Captured.objects.filter(recipient__message=review.message_id).exists()
    assert Message.objects.get(pk=review.message_id).status != "sent"


def test_bytes_and_seal_that_the_owner_changed_together_do_not_leave_either(alice: Tenant) -> None:
    """A63: the decision is bound to the seal that was read."""
    review = approved(alice)
    tamper("UPDATE messaging_revision SET seal = repeat('0', 64) WHERE message_id = %s", review)
    leave(review)
    assert not Captured.objects.filter(recipient__message=review.message_id).exists()


def test_what_nobody_touched_leaves(alice: Tenant) -> None:
    """A63: or those before would say nothing."""
    review = approved(alice)
    assert leave(review).status == "sent"
    assert Captured.objects.filter(recipient__message=review.message_id).count() == 1


def test_a_superuser_has_no_act_that_decides_edits_or_lets_leave(alice: Tenant) -> None:
    """A64: no action, no form and no verb of the console, which wants a member of the account."""
    review = builders.held(alice)
    operator = User.objects.create_superuser("operator@people.example", builders.PASSWORD)
    operator.password_set_at = clock.now() - timedelta(days=1)
    operator.save()
    desk = Client()
    desk.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    for model in (Review, Decision, Message, Revision):
        if model not in admin.site._registry:
            continue
        page = admin.site._registry[model]
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        names = {name for name in page.actions or () if isinstance(name, str)}
        assert not [name for name in names if any(word in name for word in ("approve", "reject", "edit", "release"))]
        for action in ("approve", "approve_selected", "release", "delete_selected"):
            desk.post(url, {"action": action, "_selected_action": [str(review.pk)], "post": "yes"})
    for act in ("approve", "edit", "reject", "request-changes", "undo"):
        assert desk.post(f"/review/{review.pk}/{act}/", {"version": 1}).status_code in (302, 403, 404)
    review.refresh_from_db()
    assert (review.state, review.version, Decision.objects.count()) == ("open", 1, 0)
