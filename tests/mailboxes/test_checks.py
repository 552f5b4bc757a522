"""System checks: a setting that can't work is named before anything starts, with what to do."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from pytest_django import Settings


def found() -> dict[str, str]:
    return {str(message.id): str(message.hint) for message in run_checks() if str(message.id).startswith("mailboxes.")}


def test_the_defaults_pass() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    "domain", ["", "localhost", "Agents.example", "agents.example.", "-a.example", "bücher.example"]
)
def test_a_platform_domain_that_is_none_is_named(domain: str, settings: Settings) -> None:
    settings.PLATFORM_DOMAIN = domain
    assert "agents.example" in found()["mailboxes.E001"]


@pytest.mark.parametrize("domain", ["agents.example", "mail.xn--bcher-kva.example", "a-b.c1.example"])
def test_an_ordinary_platform_domain_passes(domain: str, settings: Settings) -> None:
    settings.PLATFORM_DOMAIN = domain
    assert found() == {}


def test_every_mode_may_be_the_default_one(settings: Settings) -> None:
    settings.DEFAULT_MODE = "gated_all"
    assert found() == {}


def test_a_limit_without_a_default_is_named(settings: Settings) -> None:
    settings.DEFAULT_LIMITS = {**settings.DEFAULT_LIMITS, "mailboxes": -1}
    assert "mailboxes.E003" in found()


def test_reviews_that_expire_at_once_are_named(settings: Settings) -> None:
    settings.REVIEW_EXPIRES_DAYS = 0
    assert "mailboxes.E004" in found()


@pytest.mark.parametrize("address", ["help", "help@", "Help <help@operator.example>", "a@b.example, c@d.example"])
def test_an_address_for_help_that_is_none_is_named(address: str, settings: Settings) -> None:
    settings.SUPPORT_EMAIL = address
    assert "mailboxes.E007" in found()
    settings.SUPPORT_EMAIL = "help@operator.example"
    assert found() == {}
