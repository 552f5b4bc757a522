"""Whatever agents, humans, workers and the network do in whatever order: model and product agree, no promise breaks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zeal
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import Settings

from tests.fakes.sink import Sink

from . import acts, model, story, world

# Of each season.
FEW, MANY, STEPS = 67, 667, 50
RESULTS = Path(__file__).parents[1] / "chaos" / "results" / "machine.json"


@pytest.fixture
def cast(transactional_db: None, settings: Settings) -> Iterator[world.Cast]:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0) | {"daily_sends": model.DAILY_SENDS}
    settings.UNDO_SECONDS = int(model.UNDO.total_seconds())
    settings.REVIEW_EXPIRES_DAYS = model.REVIEW_EXPIRES.days
    settings.CLAIM_SECONDS = int(model.CLAIM.total_seconds())
    settings.REVOKED_KEY_MAIL = "hold"
    with zeal.zeal_ignore(), world.warped_database(), Sink(is_pipelining=True) as relay:
        settings.RELAY_URL = relay.url
        yield world.make_cast(acts.boxes(), relay)


@pytest.mark.parametrize("stories", [FEW, pytest.param(MANY, marks=pytest.mark.chaos)])
@pytest.mark.parametrize("season", acts.SEASONS)
def test_model_and_product_agree_and_no_promise_breaks(cast: world.Cast, season: str, stories: int) -> None:
    told = story.Told()
    machine = type("Gatepost", (story.in_season(season),), {"cast": cast, "told": told})
    is_short, began, used = stories == FEW, time.monotonic(), time.process_time()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=stories,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=is_short,  # the same stories every time in make check; new ones in make chaos
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    if not is_short:
        figures = {
            "stories": told.stories,
            "acts": told.acts,
            "seconds": round(time.monotonic() - began),
            "seconds_of_processor": round(time.process_time() - used),
            "findings": 0,
        }
        known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps(known | {season: figures}, indent=2, sort_keys=True) + "\n")
