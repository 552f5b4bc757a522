"""Causes, workers, codes and people at one mailbox at once: it ends as strict as the strictest says, told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import zeal
from pytest_django import Settings

from mailboxes import clock, events, mailbox
from mailboxes.errors import Conflict, NotFound
from mailboxes.ids import new_id
from mailboxes.models import Event, Mailbox
from mailboxes.modes import OversightMode
from messaging.models import Message
from oversight import demotions, trust
from oversight.models import Demotion, Permit
from oversight.trust import NewTerms
from tests import builders
from tests.builders import Tenant
from tests.races.harness import THREADS, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice(settings: Settings, transactional_db: None) -> Iterator[Tenant]:
    settings.UPGRADE_REQUESTS_PER_HOUR = 1_000_000
    with zeal.zeal_ignore():
        yield builders.tenant()


def complain(owner: Tenant) -> Event:
    """What feedback records of a complaint, alone: mail whose recipients complain can be sent only so often."""
    about = str(new_id())
    data = {"message_id": about, "mailbox_id": str(owner.mailbox.pk)}
    now = clock.now()
    return events.record(
        owner.account, "message.complaint", subject=about, data=data, now=now, mailbox_id=owner.mailbox.pk
    )


def settle() -> int:
    return demotions.settle(now=clock.now())


def set_mode(owner: Tenant, mode: OversightMode) -> bool:
    return mailbox.set_mode(owner.mailbox, mode, by="test", now=clock.now())


def mode_of(owner: Tenant) -> str:
    return Mailbox.objects.get(pk=owner.mailbox.pk).mode


def upgrade(owner: Tenant, code: str) -> str:
    now = clock.now()
    attempt = trust.begin_try(owner.agent_actor, owner.mailbox.pk, code, now=now)
    try:
        trust.apply_upgrade(owner.agent_actor, owner.mailbox.pk, code, attempt=attempt, now=now)
    except (Conflict, NotFound) as refused:
        return refused.code
    return "upgraded"


@in_rounds
def test_causes_and_workers_at_once_take_one_rung(alice: Tenant, rounds: int) -> None:
    with family("demotions: at once", rounds) as people:
        for _ in range(rounds):
            set_mode(alice, OversightMode.AUTONOMOUS)
            Demotion.objects.all().delete()
            people.race([lambda: complain(alice)] * THREADS)
            assert Demotion.objects.count() == THREADS
            results = people.race([settle] * THREADS)
            assert results.count(1) == sum(1 for one in results if one) == 1
            assert mode_of(alice) == "monitored"
            assert Demotion.objects.filter(is_done=True).count() == 1
            people.winners += 1


@in_rounds
def test_a_code_and_a_demotion_at_once_end_at_the_lower_rung(alice: Tenant, rounds: int) -> None:
    with family("demotions: code", rounds) as people:
        for _ in range(rounds):
            set_mode(alice, OversightMode.MONITORED)
            Permit.objects.all().delete()
            trust.request_upgrade(alice.agent_actor, alice.mailbox.pk, OversightMode.AUTONOMOUS, now=clock.now())
            text = Message.objects.filter(subject__startswith="Code for ").latest("created_at").body_text
            code = text.split("code:\n\n")[1].strip()[:7]
            complain(alice)
            acts: list[Callable[[], object]] = [settle, lambda code=code: upgrade(alice, code)] * (THREADS // 2)  # type: ignore[misc]
            results = people.race(acts)
            assert results.count("upgraded") <= 1
            assert mode_of(alice) == "gated_send", results
            people.winners += 1


@in_rounds
def test_people_and_causes_at_once_stand_in_no_circle(alice: Tenant, rounds: int) -> None:
    """Who sets a mode holds the mailbox and waits for the log; who records a cause holds the log."""

    def by_person(mode: OversightMode) -> object:
        asked = NewTerms(mode, None, seen=mode_of(alice), reason="x")
        return trust.set_by_person(alice.owner, alice.mailbox.pk, asked, has_proved=True, now=clock.now())

    with family("demotions: people", rounds) as people:
        for _ in range(rounds):
            set_mode(alice, OversightMode.AUTONOMOUS)
            acts: list[Callable[[], object]] = [
                lambda: complain(alice),
                lambda: by_person(OversightMode.MONITORED),
                lambda: by_person(OversightMode.AUTONOMOUS),
                settle,
            ] * (THREADS // 4)
            people.race(acts)
            settle()
            set_mode(alice, OversightMode.AUTONOMOUS)
            complain(alice)
            settle()
            assert mode_of(alice) == "monitored"
            people.winners += 1
