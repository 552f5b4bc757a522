"""What fails late and quietly elsewhere fails early and by name here."""

from django.core.checks import run_checks
from pytest_django import Settings


def found(*, deploy: bool = False) -> set[str | None]:
    return {message.id for message in run_checks(include_deployment_checks=deploy)}


def test_requested_fault_points_fail_the_deployment_check(settings: Settings) -> None:
    settings.FAULTPOINTS_REQUESTED = "claim.after_commit=kill"
    assert "gatepost.E002" in found(deploy=True)


def test_an_admin_that_a_password_alone_opens_is_advised_against(settings: Settings) -> None:
    assert "gatepost.W001" in found(deploy=True)
    assert "gatepost.W001" not in found()
    settings.ADMIN_REQUIRES_MFA = True
    assert "gatepost.W001" not in found(deploy=True)


def test_an_unknown_default_mode_fails_the_check(settings: Settings) -> None:
    settings.DEFAULT_MODE = "yolo"
    assert "gatepost.E004" in found()


def test_two_urls_that_name_two_databases_fail_the_check(settings: Settings) -> None:
    settings.TESTING = False
    settings.DATABASE_ADMIN = settings.DATABASE_ADMIN | {"NAME": "another"}
    assert "gatepost.E003" in found()


def test_the_house_passes_its_own_checks() -> None:
    assert not {name for name in found() if name and name.startswith("gatepost.")}
