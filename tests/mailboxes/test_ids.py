"""Identifiers: UUIDv7, ordered by time; a malformed one is an unknown one."""

from __future__ import annotations

import time

import pytest

from mailboxes.ids import new_id, parse_id

ID = "0d3c9a4e-6f1b-4c57-9a52-3f3a4b1f7c21"


def test_an_id_is_a_uuid_of_version_7_and_carries_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before <= made.int >> 80 <= after


def test_later_ids_sort_after_earlier_ones() -> None:
    first = new_id()
    time.sleep(0.002)
    assert first < new_id()


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_an_id_in_its_usual_spelling_is_read() -> None:
    made = new_id()
    assert parse_id(str(made)) == parse_id(str(made).upper()) == parse_id(made) == made


@pytest.mark.parametrize(
    "text",
    ["", "1", "null", None, 7, ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f" {ID}", "\x00", "é" * 36],
)
def test_anything_else_is_no_id(text: object) -> None:
    assert parse_id(text) is None
