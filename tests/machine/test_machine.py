"""Whatever agents, humans, workers and the network do in whatever order: model and product agree, no promise breaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zeal
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import Settings

from . import model, story, world

STEPS = 50


@pytest.fixture
def cast(transactional_db: None, settings: Settings) -> Iterator[world.Cast]:
    settings.DEFAULT_LIMITS = dict.fromkeys(settings.DEFAULT_LIMITS, 0) | {"daily_sends": model.DAILY_SENDS}
    settings.UNDO_SECONDS = int(model.UNDO.total_seconds())
    settings.REVIEW_EXPIRES_DAYS = model.REVIEW_EXPIRES.days
    with zeal.zeal_ignore(), world.warped_database():
        yield world.make_cast(story.MODES)


# Both at length only, until the question of every step is seen to be quick on any plan that the server may choose.
@pytest.mark.chaos
@pytest.mark.parametrize("examples", [200, 2000])
def test_model_and_product_agree_and_no_promise_breaks(cast: world.Cast, examples: int) -> None:
    machine = type("Gatepost", (story.Gatepost,), {"cast": cast})
    is_short = examples == 200
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=is_short,  # the same stories every time in make check; new ones in make chaos
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
