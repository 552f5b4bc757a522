"""A dry run is the gate: on a thousand intents made up at random it says what the send then gets, word for word."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from mailboxes import clock, mailbox
from mailboxes.errors import Forbidden, LimitReached, Problem
from mailboxes.models import Event
from mailboxes.modes import OversightMode
from messaging.models import Attempt, Message, Recipient, Revision, Status
from oversight import dry_run, submission
from oversight.models import Evaluation, Review
from oversight.policy.types import Outcome
from oversight.submission import Judged
from tests import builders
from tests.builders import Tenant

from . import rules_at_random as random

pytestmark = pytest.mark.django_db

# Rule sets at random, and intents under each: a thousand pairs of a dry run and a send.
SETS, INTENTS = 40, 25
PEOPLE = ("kim@friends.example", "lee@friends.example", "max@partner.example", "new@stranger.example")
BECOMES = {Outcome.ALLOW: Status.QUEUED, Outcome.HOLD: Status.HELD, Outcome.REFUSE: Status.REFUSED}

people = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True).map(tuple)
intents = st.fixed_dictionaries(
    {
        "to": people,
        "subject": st.sampled_from(["Hello", "Invoice", "We guarantee it"]),
        "body_text": st.sampled_from(
            [
                "Good day.",
                "Pay 4,200 EUR at http://203.0.113.9/pay now",
                "gold and a refund",
                "My card is 4111 1111 1111 1111",
                "-----BEGIN PRIVATE KEY-----",
            ]
        ),
        "reply_to": st.sampled_from([None, None, "else@where.example"]),
        "oversight_mode": st.sampled_from([None, None, None, "gated_send", "gated_all", "read_only"]),
    }
)
modes = random.modes.filter(lambda mode: mode != OversightMode.GATED_ALL)  # asked for by messages
pairs_of_rules = st.tuples(random.sets_of_rules(4), random.sets_of_rules(2))


@pytest.fixture
def alice(settings: Settings) -> Tenant:
    settings.EVALUATIONS_PER_MINUTE = 0
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


@given(rules=pairs_of_rules, mode=modes, asked=st.lists(intents, min_size=INTENTS, max_size=INTENTS))
@settings(
    max_examples=SETS,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    deadline=None,
)
def test_what_a_dry_run_says_the_send_gets_with_the_same_trace(
    alice: Tenant, rules: Any, mode: OversightMode, asked: list[dict[str, Any]]
) -> None:
    of_account, of_mailbox = rules
    with transaction.atomic():  # one tenant for all: what the examples before it wrote stays behind it
        builders.rules(alice, *of_account)
        builders.rules(alice, *of_mailbox, mailbox=alice.mailbox)
        mailbox.set_mode(alice.mailbox, mode, by="test", now=clock.now())
    for fields in asked:
        compare(alice, fields)


def compare(alice: Tenant, fields: dict[str, Any]) -> None:
    draft, now = builders.draft(alice.mailbox, **fields), clock.now()
    try:
        dry = dry_run.evaluate(draft, actor=alice.agent_actor, now=now)
    except Problem as problem:
        refused = problem
    else:
        compare_with_what_is_kept(dry, submission.submit(draft, actor=alice.agent_actor, now=now))
        return
    with pytest.raises(type(refused)) as caught:
        submission.submit(draft, actor=alice.agent_actor, now=now)
    assert caught.value.code == refused.code


def compare_with_what_is_kept(dry: Judged, message: Message) -> None:
    kept = Evaluation.objects.get(message=message)
    assert message.status == BECOMES[dry.verdict.outcome]
    assert (kept.outcome, kept.reason_code) == (dry.verdict.outcome, dry.verdict.code)
    assert kept.trace == as_kept([finding.as_json() for finding in dry.verdict.trace])
    assert kept.facts == as_kept(dry.facts.as_json())


def as_kept(value: object) -> Any:
    return json.loads(json.dumps(value, default=str))


def test_a_dry_run_writes_nothing_but_that_it_was_asked(alice: Tenant) -> None:
    builders.rules(alice, builders.rule("all", "hold", {"kind": "first_contact"}))
    builders.submit(alice)
    tables = (Message, Recipient, Revision, Review, Evaluation, Attempt)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    heads = Event.objects.filter(account=alice.account).count()
    judged = dry_run.evaluate(builders.draft(alice.mailbox), actor=alice.agent_actor, now=clock.now())
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before
    events = Event.objects.filter(account=alice.account).order_by("seq")[heads:]
    assert [event.kind for event in events] == ["policy.evaluated"]
    assert json.loads(events[0].data) == {
        "mailbox_id": str(alice.mailbox.pk),
        "outcome": judged.verdict.outcome,
        "code": judged.verdict.code,
        "versions": [1],
        "by": alice.agent_actor.identity,
    }


def test_a_dry_run_takes_nothing_of_the_limits(alice: Tenant) -> None:
    builders.limit(alice.account, "daily_sends", 1)
    for _ in range(3):
        dry_run.evaluate(builders.draft(alice.mailbox), actor=alice.agent_actor, now=clock.now())
    assert builders.submit(alice).status == Status.QUEUED
    with pytest.raises(Problem) as caught:
        dry_run.evaluate(builders.draft(alice.mailbox), actor=alice.agent_actor, now=clock.now())
    assert caught.value.code == "daily_limit"


def test_the_policy_is_not_asked_for_its_thresholds_all_day(alice: Tenant, settings: Settings) -> None:
    settings.EVALUATIONS_PER_MINUTE = 3
    draft, now = builders.draft(alice.mailbox), clock.now()
    for _ in range(3):
        dry_run.evaluate(draft, actor=alice.agent_actor, now=now)
    with pytest.raises(LimitReached) as caught:
        dry_run.evaluate(draft, actor=alice.agent_actor, now=now)
    assert (caught.value.code, caught.value.headers["Retry-After"]) == ("too_many_evaluations", "61")
    dry_run.evaluate(draft, actor=alice.agent_actor, now=now + timedelta(seconds=61))


def test_who_neither_sends_nor_decides_asks_nothing(alice: Tenant) -> None:
    reader = replace(alice.agent_actor, scopes=frozenset({"read"}))
    with pytest.raises(Forbidden):
        dry_run.evaluate(builders.draft(alice.mailbox), actor=reader, now=clock.now())
    viewer = replace(alice.owner_actor, scopes=frozenset({"read"}))
    with pytest.raises(Forbidden):
        dry_run.evaluate(builders.draft(alice.mailbox), actor=viewer, now=clock.now())
