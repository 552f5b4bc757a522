"""No table is forgotten: every model says how its rows of a deleted account go, or why they stay."""

from __future__ import annotations

from axes.models import AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import CASCADE, ForeignKey, Model

from billing.models import Ending, StripeEvent
from mailboxes import erasure
from mailboxes.erasure import Scope
from mailboxes.ids import new_id
from mailboxes.models import Account, Epoch, Erasure, Event, IdempotentAnswer, Switch, Tombstone, User
from messaging.models import Remnant, Revision
from oversight.models import Decision, RuleSetVersion

# What no CASCADE takes along, and the step that does. A new table comes here, or gets a CASCADE to what goes.
BY_STEP: dict[type[Model], str] = {
    AccessAttempt: "members",
    AccessAttemptExpiration: "members",
    AccessLog: "members",
    Decision: "messages",
    Event: "events",
    IdempotentAnswer: "answers",
    LogEntry: "account",
    Revision: "messages",
    RuleSetVersion: "rule_sets",
    Session: "members",
}
# What holds nothing of any account, or nothing that tells whose it was.
STAYS: dict[type[Model], str] = {
    AccessFailureLog: "is never written: AXES_ENABLE_ACCESS_FAILURE_LOG is off",
    ContentType: "names of our own tables",
    Ending: "Stripe's ids, until Stripe has ended what they name",
    Epoch: "one row about the database",
    Erasure: "its account_id is emptied or its row removed at the end",
    Group.permissions.through: "rights of such roles",
    Group: "roles of operators; none are used",
    Permission: "names of our own models",
    Switch: "one row about the server",
    StripeEvent: "ids of Stripe's events, for 30 days",
    Remnant: "names of objects in storage that are to be removed; they name no account",
    Tombstone: "keyed hashes: what nobody else may have",
}


def taken_along() -> set[type[Model]]:
    """What a CASCADE of Django's takes along with an account, or with a person who belongs to none."""
    taken: set[type[Model]] = {Account, User}
    while more := {model for model in _models() - taken if any(_goes_with(model, one) for one in taken)}:
        taken |= more
    return taken


def test_every_table_goes_with_the_account_or_says_why_it_stays() -> None:
    left = _models() - taken_along() - set(BY_STEP) - set(STAYS)
    assert {model._meta.label for model in left} == set()


def test_nothing_is_named_that_is_taken_along_anyway() -> None:
    # LogEntry goes with the operator who acted; whom it tells of is another matter.
    assert (taken_along() & (set(BY_STEP) | set(STAYS))) <= {LogEntry}


def test_every_step_that_is_named_exists() -> None:
    names = [step.name for step in erasure.steps_of(Scope(new_id()))]
    assert set(BY_STEP.values()) <= set(names)
    assert len(names) == len(set(names))


def test_mail_goes_before_the_log_and_the_log_before_the_account() -> None:
    names = [step.name for step in erasure.steps_of(Scope(new_id()))]
    order = [names.index(name) for name in ("messages", "raw_messages", "members", "events", "mailboxes", "account")]
    assert order == sorted(order)
    of_mailbox = [step.name for step in erasure.steps_of(Scope(new_id(), new_id()))]
    assert of_mailbox[:2] == ["rule_sets", "messages"]
    assert {"account", "events", "members"}.isdisjoint(of_mailbox)


def _models() -> set[type[Model]]:
    return set(apps.get_models(include_auto_created=True))


def _goes_with(model: type[Model], other: type[Model]) -> bool:
    return any(
        isinstance(field, ForeignKey) and field.remote_field.on_delete is CASCADE and field.related_model is other
        for field in model._meta.concrete_fields
    )
