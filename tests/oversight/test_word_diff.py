"""Two texts word by word: nothing made up, nothing lost, and no text that takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oversight.console import changes, word_diff
from oversight.console.word_diff import ADDED, REMOVED, SAME, Piece

WORDS = st.text(alphabet="ab \n.é", max_size=60)


@given(WORDS, WORDS)
def test_both_texts_stand_in_the_pieces_whole_and_in_order(old: str, new: str) -> None:
    pieces = word_diff.compare(old, new)
    assert "".join(one.text for one in pieces if one.kind != ADDED) == old
    assert "".join(one.text for one in pieces if one.kind != REMOVED) == new


def test_words_are_told_apart_and_not_letters() -> None:
    assert word_diff.compare("Dear Kim,\nit is 5 EUR.\n", "Dear Kim,\nit is 50 EUR, fixed.\n") == [
        Piece(SAME, "Dear Kim,\nit is "),
        Piece(REMOVED, "5"),
        Piece(ADDED, "50"),
        Piece(SAME, " EUR"),
        Piece(ADDED, ", fixed"),
        Piece(SAME, ".\n"),
    ]


def _blocks(one: str, words: int) -> str:
    return "".join(f"u{number}\n{one * words}\n" for number in range(20_000 // words))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a " * 1_000_000, "b " * 1_000_000),
        ("a " * 1_000_000 + "x", "a " * 500_000 + "y " + "a " * 500_000 + "x"),
        ("\n" * 2_000_000, "x\n" * 1_000_000),
        ("." * 2_000_000, "." * 1_000_000 + "!"),
        (_blocks("x ", 198), _blocks("x y ", 99)),
        (_blocks("x ", 60), _blocks("x y ", 30)),
        ("x\n" * 198, "x\ny\n" * 99),
    ],
    ids=["other", "one-word", "lines", "no-blank", "blocks", "small-blocks", "few-lines"],
)
def test_a_hostile_text_is_compared_to_its_end_and_shown_in_part(old: str, new: str) -> None:
    started = time.process_time()
    pieces = word_diff.compare(old, new)
    assert time.process_time() - started < 60  # two million words compared with each other would take days
    assert len(pieces) <= word_diff.MOST_PIECES + 2
    assert sum(len(one.text) + len(one.tail) for one in pieces) < 500_000


def test_recipients_and_files_are_compared_one_by_one() -> None:
    old = [{"filename": "a.pdf", "sizeBytes": 10, "sha256": "1" * 64}]
    new = [{"filename": "a.pdf", "sizeBytes": 10, "sha256": "2" * 64}]
    found = changes.compare("attachments", old, new)
    assert [piece.kind for piece in found.pieces] == [REMOVED, ADDED]
    assert [piece.kind for piece in changes.compare("to", ["a@x.example"], ["a@x.example", "b@x.example"]).pieces] == [
        SAME,
        ADDED,
    ]
    assert changes.compare("headers", {"X-One": "1"}, {}).pieces == [Piece(REMOVED, "X-One: 1")]
    assert changes.compare("replyTo", "", "a@x.example").pieces == [Piece(ADDED, "a@x.example")]
