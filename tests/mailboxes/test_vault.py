"""Secrets at rest."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from mailboxes import vault


def test_what_was_sealed_is_read_again_and_does_not_show() -> None:
    sealed = vault.seal(b"very secret", purpose="tests")
    assert b"secret" not in sealed
    assert vault.seal(b"very secret", purpose="tests") != sealed
    assert vault.unseal(sealed, purpose="tests") == b"very secret"


def test_what_was_sealed_for_one_purpose_is_not_read_for_another() -> None:
    with pytest.raises(ImproperlyConfigured):
        vault.unseal(vault.seal(b"x", purpose="webhook secrets"), purpose="webhook headers")


def test_another_secret_key_is_told_to_the_operator(settings: Settings) -> None:
    sealed = vault.seal(b"x", purpose="tests")
    settings.SECRET_KEY = "another one"
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        vault.unseal(sealed, purpose="tests")
