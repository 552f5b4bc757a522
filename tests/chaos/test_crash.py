"""The crash matrix: every fault point, struck in every way, with five mixes each. See README.md beside this file."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
import zeal
from django.conf import settings

from tests.fakes.postfix import postfix_sink
from tests.fakes.sink import Sink

from . import answering, arriving, expiring, listening, moods, outbound, releasing, telling
from .outbound import Relay
from .points import KINDS, MATRIX, SAMPLE, Case
from .processes import Crew
from .table import Table
from .verdict import Verdict

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]


def test_every_fault_point_of_the_code_stands_in_the_matrix() -> None:
    named = re.compile(r'faultpoint(?:_after_commit)?\(\s*"([a-z0-9_.]+)"')
    apps = ("config", "mailboxes", "messaging", "oversight", "billing")
    sources = [path for app in apps for path in Path(settings.BASE_DIR, app).rglob("*.py")]
    found = {name for path in sources for name in named.findall(path.read_text())}
    assert found == set(KINDS)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in SAMPLE])
def test_nothing_is_lost_or_doubled_in_a_sample_of_the_matrix(case: Case, crew: Crew) -> None:
    with Sink() as sink:
        verdict = verdict_on(case, crew, sink)
    assert verdict.is_clean, told(verdict, crew)


@pytest.mark.chaos
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in MATRIX])
def test_nothing_is_lost_or_doubled_wherever_a_fault_strikes(case: Case, crew: Crew, table: Table) -> None:
    began, verdict = time.monotonic(), Verdict(broken=["no verdict"])
    try:
        with postfix_sink() as sink:
            verdict = verdict_on(case, crew, sink)
    finally:
        table.add(case.point, case.kind, verdict, seconds=time.monotonic() - began)
    assert verdict.is_clean, told(verdict, crew)


@pytest.mark.chaos
@pytest.mark.parametrize("mood", [pytest.param(mood, id=mood.id) for mood in moods.MOODS])
def test_nothing_is_lost_or_doubled_whatever_the_mood_of_the_relay(mood: moods.Mood, crew: Crew, table: Table) -> None:
    began, verdict = time.monotonic(), Verdict(broken=["no verdict"])
    try:
        with zeal.zeal_ignore():
            verdict = moods.run(mood, crew)
            verdict.check_invariants()
    finally:
        table.add(f"smtp-sink {mood.options}", mood.name, verdict, seconds=time.monotonic() - began)
    assert verdict.is_clean, told(verdict, crew)


@pytest.mark.chaos
@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in moods.WOKEN])
def test_nothing_is_lost_or_doubled_when_a_worker_that_the_broker_woke_is_killed(
    case: Case, crew: Crew, broker: str, table: Table
) -> None:
    began, verdict = time.monotonic(), Verdict(broken=["no verdict"])
    try:
        with zeal.zeal_ignore(), postfix_sink() as sink:
            verdict = moods.run_woken(case, crew, sink, broker)
            verdict.check_invariants()
    finally:
        table.add(case.point, "kill woken", verdict, seconds=time.monotonic() - began)
    assert verdict.is_clean, told(verdict, crew)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(2, 21))])
def test_every_event_is_told_when_those_who_tell_are_killed_at_random(seed: int, crew: Crew, table: Table) -> None:
    began, verdict = time.monotonic(), Verdict(broken=["no verdict"])
    try:
        with zeal.zeal_ignore():
            verdict = telling.run_killed(random.Random(seed), crew, kills=8)
            verdict.check_invariants()
    finally:
        table.add("webhooks", "kill -9 at random", verdict, seconds=time.monotonic() - began)
    assert verdict.is_clean, told(verdict, crew)


def verdict_on(case: Case, crew: Crew, relay: Relay) -> Verdict:
    """What came of one run of the matrix, the invariants included."""
    with zeal.zeal_ignore():
        match case.area:
            case "accept":
                verdict = answering.run_accept(case, crew, relay)
            case "decide":
                verdict = answering.run_decide(case, crew, relay)
            case "expire":
                verdict = expiring.run(case, crew, relay)
            case "hook":
                verdict = telling.run(case, crew)
            case "inbound":
                verdict = arriving.run_inbound(case, crew)
            case "parse":
                verdict = arriving.run_parse(case, crew)
            case "release":
                verdict = releasing.run(case, crew, relay)
            case "sse":
                verdict = listening.run(case, crew)
            case _:
                verdict = outbound.run(case, crew, relay)
        verdict.check_invariants()
    return verdict


def told(verdict: Verdict, crew: Crew) -> str:
    findings = "\n".join([*verdict.lost, *verdict.doubled, *verdict.broken])
    return f"{findings}\n{crew.logs()}"
