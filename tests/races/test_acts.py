"""Leave for a dangerous act, from many sides at once: asked for once, guessed at five times at most, used once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zeal
from django.db import transaction
from pytest_django import Settings

from mailboxes import clock, leave
from mailboxes.errors import Conflict, NotFound
from mailboxes.leave import Call, DangerousAct
from messaging.models import Message
from oversight import permits
from oversight.models import Permit
from tests import builders
from tests.builders import Tenant
from tests.oversight.leave import CODE, asks_first, wrong
from tests.races.harness import THREADS, family, in_rounds

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ACT = DangerousAct("make_webhook", ("make a webhook to https://collect.example/",))


@pytest.fixture
def alice(settings: Settings, transactional_db: None) -> Iterator[Tenant]:
    settings.PERMITS_PER_HOUR = 1_000_000
    with zeal.zeal_ignore():
        owner = builders.tenant()
        asks_first(owner)
        yield owner


def attempt(owner: Tenant, code: str = "") -> str:
    call = Call({"method": "POST"}, code, clock.now())
    try:
        found = leave.find(owner.agent_actor, ACT, call)
        if found is None:
            return str(leave.ask(owner.agent_actor, ACT, call).permit_id)
        with transaction.atomic(), found():
            pass
    except permits.WrongCode:
        return "wrong"
    except NotFound:
        return "nothing waits"
    except Conflict:
        return "used"
    return "done"


def ask(owner: Tenant) -> tuple[Permit, str]:
    """A request anew, and the code that was mailed for it."""
    Permit.objects.all().delete()
    permit = Permit.objects.get(pk=attempt(owner))
    mail = Message.objects.filter(subject__startswith="Code for ").latest("created_at")
    [code] = CODE.findall(mail.body_text)
    return permit, str(code)


@in_rounds
def test_the_same_call_at_once_asks_once(alice: Tenant, rounds: int) -> None:
    with family("acts: asking", rounds) as people:
        for _ in range(rounds):
            Permit.objects.all().delete()
            answers = people.race([lambda: attempt(alice)] * THREADS)
            assert {str(one) for one in answers} == {str(Permit.objects.get().pk)}
            people.winners += 1


@in_rounds
def test_guesses_at_once_are_five_at_most(alice: Tenant, rounds: int) -> None:
    with family("acts: wrong codes", rounds) as people:
        for _ in range(rounds):
            permit, code = ask(alice)
            answers = people.race([lambda code=code: attempt(alice, wrong(code))] * THREADS)  # type: ignore[misc]  # a default binds it
            assert answers.count("wrong") == 5
            assert answers.count("nothing waits") == THREADS - 5
            permit.refresh_from_db()
            assert (permit.state, permit.tries_left) == ("refused", 0)
            people.winners += 1


@pytest.mark.parametrize("by_button", [False, True])
@in_rounds
def test_leave_is_used_once_from_many_sides(alice: Tenant, rounds: int, by_button: bool) -> None:
    with family(f"acts: used ({'button' if by_button else 'code'})", rounds) as people:
        for _ in range(rounds):
            permit, code = ask(alice)
            if by_button:
                code = ""
                permits.grant(alice.owner, permit.pk, second_step_at=clock.now(), now=clock.now())
            answers = people.race([lambda code=code: attempt(alice, code)] * THREADS)  # type: ignore[misc]  # a default binds it
            assert answers.count("done") == 1
            assert Permit.objects.get(pk=permit.pk).state == "used"
            people.winners += 1
