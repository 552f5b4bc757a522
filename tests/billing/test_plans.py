"""Plans as data, and how the settings change them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from billing import plans
from mailboxes.errors import Invalid
from mailboxes.models import LimitKind


def test_the_numbers_are_those_of_the_contract() -> None:
    told = {plan.name: (plan.monthly, plans.limits_of(plan)) for plan in plans.offer().plans}
    assert {name: price for name, (price, _) in told.items()} == {"developer": 1900, "growth": 7900, "scale": 19900}
    developer, growth, scale = (told[name][1] for name in ("developer", "growth", "scale"))
    assert (developer[LimitKind.MAILBOXES], developer[LimitKind.DAILY_SENDS]) == (10, 500)
    assert (developer[LimitKind.MONTHLY_SENDS], developer[LimitKind.MONTHLY_INBOUND]) == (15_000, 2_000)
    assert (growth[LimitKind.MAILBOXES], growth[LimitKind.MONTHLY_SENDS]) == (50, 0)
    assert (scale[LimitKind.MONTHLY_INBOUND], scale[LimitKind.STORAGE_BYTES]) == (0, 100 * 1024**3)


def test_the_free_plan_is_what_the_settings_allow(settings: Settings) -> None:
    settings.DEFAULT_LIMITS = settings.DEFAULT_LIMITS | {"mailboxes": 7}
    assert plans.limits_of(plans.FREE)[LimitKind.MAILBOXES] == 7


def test_a_file_changes_prices_and_limits(settings: Settings, tmp_path: Path) -> None:
    own = {"currency": "eur", "developer": {"monthly": 1250, "annual": None, "limits": {"mailboxes": 12}}}
    (tmp_path / "plans.json").write_text(json.dumps(own))
    settings.PLANS = str(tmp_path / "plans.json")
    developer = plans.get_paid("developer")
    assert plans.money(developer.price("monthly")) == "EUR 12.50"
    assert (developer.limits["mailboxes"], developer.limits["daily_sends"]) == (12, 500)
    assert plans.annual_availability() == {"developer": False, "growth": True, "scale": True}
    with pytest.raises(Invalid) as refusal:
        developer.price("annual")
    assert refusal.value.code == "period_unavailable"


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"golden": {}}',
        '{"free": {"limits": {"mailboxes": 9}}}',
        '{"developer": {"mailboxes": 9}}',
        '{"developer": {"limits": {"mailbox": 9}}}',
        '{"developer": {"limits": {"mailboxes": -1}}}',
        '{"developer": {"monthly": 0}}',
        '{"developer": {"monthly": 12.5}}',
        '{"currency": "EUR"}',
    ],
)
def test_a_file_that_makes_no_sense_is_told_before_anybody_pays(
    settings: Settings, tmp_path: Path, content: str
) -> None:
    (tmp_path / "plans.json").write_text(content)
    settings.PLANS = str(tmp_path / "plans.json")
    assert "billing.E001" in {message.id for message in run_checks()}


def test_money_without_cents_is_not_divided(settings: Settings, tmp_path: Path) -> None:
    assert plans.money(1900) == "USD 19"
    assert plans.money(179_100) == "USD 1,791"
    assert plans.money(2800, "jpy") == "JPY 2,800"
