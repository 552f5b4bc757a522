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

from . import acts, model, story, world

FEW, MANY, STEPS = 40, 2000, 50
RESULTS = Path(__file__).parents[1] / "chaos" / "results" / "machine.json"


@pytest.fixture
def cast(transactional_db: None, settings: Settings) -> Iterator[world.Cast]:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0) | {"daily_sends": model.DAILY_SENDS}
    settings.UNDO_SECONDS = int(model.UNDO.total_seconds())
    settings.REVIEW_EXPIRES_DAYS = model.REVIEW_EXPIRES.days
    with zeal.zeal_ignore(), world.warped_database():
        yield world.make_cast(acts.MODES)


@pytest.mark.parametrize("stories", [FEW, pytest.param(MANY, marks=pytest.mark.chaos)])
def test_model_and_product_agree_and_no_promise_breaks(cast: world.Cast, stories: int) -> None:
    told = story.Told()
    machine = type("Gatepost", (story.Gatepost,), {"cast": cast, "told": told})
    is_short, began = stories == FEW, time.monotonic()
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
            "findings": 0,
        }
        RESULTS.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
