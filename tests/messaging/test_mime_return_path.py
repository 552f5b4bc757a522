"""Only a return path we made names a recipient, and only until it expires (reliability A29, I30)."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime.addresses import canonical
from messaging.mime.return_path import PREFIX, find_token, make_token, read_token

SECRET = b"s" * 32
RECIPIENT = UUID("0196b0aa-1111-7222-8333-444455556666")
TODAY = date(2026, 5, 1)


def local_part(*, secret: bytes = SECRET, expires: date = TODAY) -> str:
    return PREFIX + make_token(secret, RECIPIENT, expires=expires)


@given(st.uuids(), st.binary(min_size=16, max_size=64), st.integers(min_value=0, max_value=20_000))
@settings(deadline=None, max_examples=100)
def test_a_token_names_its_recipient(recipient: UUID, secret: bytes, days: int) -> None:
    today = date(2020, 1, 1) + timedelta(days=days)
    local = PREFIX + make_token(secret, recipient, expires=today)
    assert len(local) <= 64
    assert canonical(f"{local}@agents.example") == f"{local}@agents.example"
    for spelling in (local, local.upper(), local.title(), f"{local}@agents.example", f"<{local}@agents.example>"):
        assert read_token(secret, spelling, today=today) == recipient


def test_a_token_is_read_until_its_last_day() -> None:
    assert read_token(SECRET, local_part(), today=TODAY) == RECIPIENT
    assert read_token(SECRET, local_part(), today=TODAY + timedelta(days=1)) is None


def test_a_token_of_another_secret_is_none() -> None:
    assert read_token(SECRET, local_part(secret=b"t" * 32), today=TODAY) is None


def test_no_changed_character_passes() -> None:
    local = local_part()
    for place in range(len(PREFIX), len(local)):
        other = "a" if local[place] != "a" else "b"
        assert read_token(SECRET, local[:place] + other + local[place + 1 :], today=TODAY) is None


@pytest.mark.parametrize(
    "text", ["", "b+", "b+short", "alice", "b+" + "a" * 48, "b+" + "1" * 48, "b+" + "\u00e4" * 48, "b+" + "a" * 49]
)
def test_anything_else_is_none(text: str) -> None:
    assert read_token(SECRET, text, today=TODAY) is None


def test_a_token_is_found_before_it_is_proved() -> None:
    assert find_token(f"B+{'A' * 48}@agents.example") == "a" * 48
    assert find_token("alice@agents.example") is None


@pytest.mark.parametrize("expires", [date(2019, 12, 31), date(2300, 1, 1)])
def test_a_day_no_token_can_name_is_refused(expires: date) -> None:
    with pytest.raises(ValueError, match="years"):
        make_token(SECRET, RECIPIENT, expires=expires)
