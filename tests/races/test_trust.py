"""Who guesses a code from many sides at once has no more guesses than one who waits for each answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zeal
from pytest_django import Settings

from mailboxes import clock, mailbox
from mailboxes.errors import LimitReached, NotFound
from mailboxes.models import Event, Mailbox
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight import permits, trust
from oversight.models import Permit, PermitState
from tests import builders
from tests.builders import Tenant
from tests.races.harness import THREADS, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice(settings: Settings, transactional_db: None) -> Iterator[Tenant]:
    settings.UPGRADE_REQUESTS_PER_HOUR = 1_000_000
    with zeal.zeal_ignore():
        yield builders.tenant()


def request(owner: Tenant) -> Permit:
    return trust.request_upgrade(owner.agent_actor, owner.mailbox.pk, OversightMode.MONITORED, now=clock.now())


def guess(owner: Tenant, code: str) -> str:
    now = clock.now()
    attempt = trust.begin_try(owner.agent_actor, owner.mailbox.pk, code, now=now)
    try:
        trust.apply_upgrade(owner.agent_actor, owner.mailbox.pk, code, attempt=attempt, now=now)
    except permits.WrongCode as wrong:
        permits.end_if_spent(wrong.permit, now=now)
        return "wrong"
    except NotFound:
        return "nothing waits"
    return "upgraded"


@in_rounds
def test_guesses_at_once_are_five_at_most(alice: Tenant, rounds: int) -> None:
    with family("trust: wrong codes", rounds) as people:
        for _ in range(rounds):
            permit = request(alice)
            results = people.race([lambda: guess(alice, "AAA-AAA")] * THREADS)
            assert 1 <= results.count("wrong") <= 5  # whoever sees the last try gone ends it for those in between
            assert results.count("wrong") + results.count("nothing waits") == THREADS
            permit.refresh_from_db()
            assert (permit.state, permit.tries_left) == (PermitState.REFUSED, 0)
            assert Mailbox.objects.get(pk=alice.mailbox.pk).mode == "gated_send"
            assert Event.objects.filter(subject=str(permit.pk), kind="permit.refused").count() == 1
            people.winners += 1


@in_rounds
def test_a_right_code_given_from_many_sides_is_used_once(alice: Tenant, rounds: int) -> None:
    with family("trust: right code", rounds) as people:
        for _ in range(rounds):
            permit = request(alice)
            code = Message.objects.filter(subject__startswith="Code for ").latest("created_at").body_text
            results = people.race([lambda code=code: guess(alice, code.split("code:\n\n")[1][4:11])] * THREADS)  # type: ignore[misc]  # a default binds it
            assert results.count("upgraded") == 1
            assert Event.objects.filter(subject=str(permit.pk), kind="permit.used").count() == 1
            mailbox.set_mode(alice.mailbox, OversightMode.GATED_SEND, by="test", now=clock.now())
            people.winners += 1


@in_rounds
def test_requests_at_once_leave_one_code_that_works_and_keep_to_the_limit(
    alice: Tenant, settings: Settings, rounds: int
) -> None:
    settings.UPGRADE_REQUESTS_PER_HOUR = 3
    with family("trust: requests", rounds) as people:
        for _ in range(rounds):
            Permit.objects.all().delete()
            results = people.race([lambda: request(alice)] * THREADS)
            assert len([result for result in results if isinstance(result, Permit)]) == 3
            assert all(isinstance(result, Permit | LimitReached) for result in results)
            assert Permit.objects.filter(state=PermitState.WAITING).count() == 1
            people.winners += 1
