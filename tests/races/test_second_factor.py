"""One code, eight browsers: one enters. Eight guesses at once are not more than so many are let be guessed."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
import zeal

from mailboxes import clock, second_factor
from mailboxes.models import CodeTries, Event, User
from tests import builders
from tests.codes import code_of, enrol, wrong_code
from tests.races.harness import THREADS, family, in_rounds, refusals, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@in_rounds
def test_one_code_opens_once_when_eight_show_it(rounds: int) -> None:
    user = builders.tenant().owner.user
    now = clock.now()
    secret, _ = enrol(user, now=now)
    with family("second factor: one code", rounds) as people, zeal.zeal_ignore():
        for number in range(rounds):
            now += timedelta(seconds=30)
            CodeTries.objects.filter(user=user).update(wrong_count=0, locked_until=None)
            shown = code_of(secret, now + timedelta(seconds=30))
            results = people.race([partial(_shown, user, shown, now=now + timedelta(seconds=30))] * THREADS)
            assert len(winners(results)) == 1, number
            assert refusals(results) <= {"wrong_code", "codes_locked"}
            people.winners += 1


@in_rounds
def test_one_recovery_code_opens_once_when_eight_show_it(rounds: int) -> None:
    user = builders.tenant().owner.user
    enrol(user, now=clock.now())
    with family("second factor: recovery code", rounds) as people, zeal.zeal_ignore():
        for _ in range(rounds):
            codes = second_factor.renew_recovery_codes(user, now=clock.now())
            CodeTries.objects.filter(user=user).update(wrong_count=0, locked_until=None)
            results = people.race([partial(_shown, user, codes[0], now=clock.now())] * THREADS)
            assert len(winners(results)) == 1
            assert second_factor.recovery_codes_left(user) == 9
            people.winners += 1


def test_eight_guesses_at_once_are_five_and_one_lock() -> None:
    user = builders.tenant().owner.user
    secret, _ = enrol(user, now=clock.now())
    wrong, now = wrong_code(secret, clock.now()), clock.now()
    with family("second factor: guesses", 1) as people:
        results = people.race([partial(_shown, user, wrong, now=now)] * THREADS)
    told = [getattr(result, "code", "") for result in results]
    assert sorted(told) == ["codes_locked"] * (THREADS - 4) + ["wrong_code"] * 4
    assert Event.objects.filter(kind="member.codes_locked").count() == 1


def _shown(user: User, code: str, *, now: datetime) -> str:
    second_factor.check_code(user, code, now=now)
    return "in"
