"""Rules that several people change at the same moment: versions count on without a gap, and one publication wins."""

from __future__ import annotations

from functools import partial

import pytest

from mailboxes import clock
from mailboxes.models import Event
from oversight import rule_sets
from oversight.models import RuleSet, RuleSetVersion
from oversight.rule_sets import ACCOUNT, Proposed
from tests import builders
from tests.races.harness import THREADS, crowd, in_rounds, refusals, winners

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@in_rounds
def test_of_eight_publications_one_wins_and_versions_count_on(rounds: int) -> None:
    with crowd() as people:
        for _ in range(rounds):
            owner = builders.tenant().owner_actor
            rules = [Proposed([builders.rule(f"rule-{number}")]) for number in range(THREADS)]
            people.race([partial(rule_sets.propose, owner, ACCOUNT, one, now=clock.now()) for one in rules])
            rule_set = RuleSet.objects.get(account=owner.account)
            numbers = RuleSetVersion.objects.filter(rule_set=rule_set).values_list("number", flat=True)
            assert sorted(numbers) == list(range(1, THREADS + 1))
            results = people.race(
                [partial(rule_sets.publish, owner, ACCOUNT, number, live=0, now=clock.now()) for number in numbers]
            )
            [winner] = winners(results)
            assert refusals(results) == {"stale_version"}
            rule_set.refresh_from_db()
            assert isinstance(winner, RuleSetVersion)
            assert rule_set.live == winner.number
            assert Event.objects.filter(account=owner.account, kind="policy.published").count() == 1
