"""Many at once at a rule's number: what counts the mailbox's sends sees those before it, so no more pass than may."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import transaction
from pytest_django import Settings

from mailboxes import clock
from mailboxes.errors import Conflict
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight import submission
from tests import builders
from tests.builders import Tenant
from tests.oversight.facts import facts_of
from tests.races.harness import THREADS, Act, crowd, family, in_rounds, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

MANY_AT_ONCE = 64


@pytest.fixture
def alice(settings: Settings) -> Tenant:
    """No limit but the one that is raced for."""
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0)
    return builders.tenant(mode=OversightMode.AUTONOMOUS)


def send_as_a_rule_would(owner: Tenant, address: str, *, field: str, at_most: int) -> Message:
    """Gather and accept in one transaction, and refuse what is over the number, as the acceptance does."""
    now = clock.now()
    with transaction.atomic():
        known = facts_of(owner, needs=frozenset({field}), now=now, to=(address,))
        if getattr(known, field) > at_most:
            raise Conflict("Too many.", code="too_many", fix="Wait.")
        return submission.submit(builders.draft(owner.mailbox, to=(address,)), actor=owner.agent_actor, now=now)


@in_rounds
@pytest.mark.parametrize("field", ["new_recipients_hour", "recipients_hour"])
def test_exactly_the_number_passes_when_eight_send_at_once(alice: Tenant, field: str, rounds: int) -> None:
    with family(f"facts: {field}", rounds) as people:
        for number in range(rounds):
            allowed = 3 * (number + 1)
            acts: list[Act] = [
                partial(send_as_a_rule_would, alice, f"p{number}-{place}@friends.example", field=field, at_most=allowed)
                for place in range(THREADS)
            ]
            assert len(winners(people.race(acts))) == 3
            people.winners += 3


def test_no_more_new_recipients_pass_than_may_when_sixty_four_send_at_once(alice: Tenant) -> None:
    with crowd(MANY_AT_ONCE) as people:
        acts: list[Act] = [
            partial(send_as_a_rule_would, alice, f"p{place}@friends.example", field="new_recipients_hour", at_most=20)
            for place in range(MANY_AT_ONCE)
        ]
        assert len(winners(people.race(acts))) == 20


@in_rounds
def test_of_eight_same_sends_at_once_seven_know_that_they_are_duplicates(
    alice: Tenant, settings: Settings, rounds: int
) -> None:
    settings.DUPLICATE_SECONDS = 3600

    def send(subject: str) -> Message:
        now = clock.now()
        asked = {"subject": subject}
        with transaction.atomic():
            known = facts_of(alice, needs=frozenset({"duplicate_of"}), now=now, **asked)
            if known.duplicate_of:
                raise Conflict("Twice.", code="duplicate", fix="Leave it.")
            return submission.submit(builders.draft(alice.mailbox, **asked), actor=alice.agent_actor, now=now)

    with family("facts: duplicates", rounds) as people:
        for number in range(rounds):
            acts: list[Act] = [partial(send, f"Number {number}")] * THREADS
            assert len(winners(people.race(acts))) == 1
            people.winners += 1
