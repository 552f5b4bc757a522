"""What a track record speaks for: a rung up when all of it is good, a rung down when much of it is bad."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailboxes.ids import new_id
from mailboxes.modes import OversightMode
from oversight import advice
from oversight.track_record import Numbers, TrackRecord

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GATED = Numbers(clean=20, decided_days=3)
ALONE = Numbers(sent=50, sent_days=3)


def record(mode: str, numbers: Numbers, **facts: Any) -> TrackRecord:
    began = NOW - timedelta(days=40)
    usual: dict[str, Any] = {"is_sending": True, "demoted_at": None, "declined": frozenset(), "last_send_at": None}
    return TrackRecord(new_id(), OversightMode(mode), began, began, numbers=numbers, **{**usual, **facts})


def missing(found: TrackRecord) -> set[str]:
    return {ground.code for ground in advice.of(found, now=NOW).missing}


@pytest.mark.parametrize(
    ("mode", "numbers", "step"),
    [
        ("gated_all", GATED, "gated_send"),
        ("gated_send", GATED, "monitored"),
        ("monitored", ALONE, "autonomous"),
        ("autonomous", ALONE, None),
        ("read_only", GATED, None),
        ("gated_send", replace(GATED, clean=19, edited=1), "monitored"),
        ("gated_send", Numbers(), None),
        ("monitored", GATED, None),
    ],
)
def test_a_good_record_speaks_for_the_next_rung(mode: str, numbers: Numbers, step: str | None) -> None:
    assert advice.of(record(mode, numbers), now=NOW).step == step


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"clean": 19}, "too_few_decisions"),
        ({"decided_days": 2}, "too_few_days"),
        ({"clean": 18, "edited": 1, "returned": 1}, "changes"),
        ({"rejected": 1, "clean": 100}, "rejections"),
        ({"sent": 50, "bounced": 1}, "bounces"),
        ({"bounced": 1}, "bounces"),
        ({"sent": 5000, "complained": 1}, "complaints"),
    ],
)
def test_one_thing_amiss_is_enough_against_it(change: dict[str, int], code: str) -> None:
    assert missing(record("gated_send", replace(GATED, **change))) == {code}


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        ({"demoted_at": NOW - timedelta(days=13)}, {"demoted_lately"}),
        ({"demoted_at": NOW - timedelta(days=15)}, set()),
        ({"declined": frozenset({"monitored"})}, {"declined_lately"}),
        ({"declined": frozenset({"gated_all"})}, set()),
        ({"is_sending": False}, {"not_sending"}),
    ],
)
def test_nothing_freer_is_suggested_for_a_while_after_a_demotion_or_a_no(
    facts: dict[str, Any], codes: set[str]
) -> None:
    assert missing(record("gated_send", GATED, **facts)) == codes


@pytest.mark.parametrize(
    ("mode", "numbers", "step"),
    [
        ("autonomous", Numbers(clean=8, rejected=2, sent=50, sent_days=3), "monitored"),
        ("monitored", Numbers(sent=50, bounced=3), "gated_send"),
        ("monitored", Numbers(sent=50, complained=1), "gated_send"),
        ("monitored", Numbers(clean=30, rejected=3, sent=1), None),
        ("monitored", Numbers(rejected=1), None),
        ("gated_send", Numbers(rejected=9), None),
    ],
)
def test_a_bad_record_speaks_for_a_rung_down_and_never_below_the_lowest(
    mode: str, numbers: Numbers, step: str | None
) -> None:
    assert advice.of(record(mode, numbers), now=NOW).step == step


def test_agents_are_told_no_numbers() -> None:
    bad = replace(GATED, clean=1, edited=1, rejected=1, sent=3, bounced=1, complained=1)
    found = advice.of(record("monitored", bad, demoted_at=NOW, is_sending=False, declined={"autonomous"}), now=NOW)
    grounds = (*found.missing, *found.against)
    assert {one.code for one in grounds} >= {"too_few_sends", "rejections", "bounces", "complaints", "demoted_lately"}
    assert not any(character.isdigit() for one in grounds for character in one.text)
