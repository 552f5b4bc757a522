"""Message ids, references and subjects, hostile ones included (reliability A41)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime.conversation import (
    base_subject,
    check_message_id,
    message_ids,
    normalize_subject,
    references_for_reply,
)
from messaging.mime.refusals import HeaderRefused

# Seconds. What takes time by the square of these lengths takes hours.
BY_THE_SQUARE = 60


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Quarterly report", "Quarterly report"),
        ("Re: Quarterly report", "Quarterly report"),
        ("RE: re: Fwd: FW:Quarterly   report ", "Quarterly report"),
        ("Re[2]: Quarterly report", "Quarterly report"),
        ("Re (3): Quarterly report", "Quarterly report"),
        ("AW: WG: Quarterly report", "Quarterly report"),
        ("Re : Quarterly report", "Quarterly report"),
        ("\u56de\u590d\uff1aQuarterly report", "Quarterly report"),
        ("\u041e\u0442\u0432: Quarterly report", "Quarterly report"),
        ("[list] Re: Quarterly report", "[list] Quarterly report"),
        ("Re: [list] Re: Quarterly report", "[list] Quarterly report"),
        ("[ticket 1] Broken", "[ticket 1] Broken"),
        ("Regarding: money", "Regarding: money"),
        ("Reply", "Reply"),
        ("re", "re"),
        ("Re:", ""),
        ("", ""),
    ],
)
def test_answers_share_the_base_of_the_subject(subject: str, base: str) -> None:
    assert base_subject(subject) == base
    assert normalize_subject(subject) == base.casefold()


def test_two_tickets_stay_two_conversations() -> None:
    assert normalize_subject("Re: [ticket 1] Broken") != normalize_subject("Re: [ticket 2] Broken")


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (None, ()),
        ("", ()),
        ("<a@b>", ("<a@b>",)),
        (" <a@b>\t<c@d> <a@b>", ("<a@b>", "<c@d>")),
        ("<a@b><c@d>", ("<a@b>", "<c@d>")),
        ("Message from Bob <a@b> of Friday", ("<a@b>",)),
        ("a@b", ("<a@b>",)),
        ("no id here", ()),
        ("<[[[@x>", ("<[[[@x>",)),  # makes the standard library raise IndexError
        ("<", ()),
        ("<>", ()),
        ("<a b@c>", ()),
        ("<a@\u00fc>", ()),
        ("<a@b\x00>", ()),
        ("<a@b\r\nBcc: v>", ()),
        ("<" + "a" * 2000 + "@b>", ()),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_message_ids_are_found_and_everything_else_is_passed_over(value: str | None, ids: tuple[str, ...]) -> None:
    assert message_ids(value) == ids


def test_of_ten_thousand_references_the_first_and_the_last_are_kept() -> None:
    ids = message_ids(" ".join(f"<{number}@b>" for number in range(9_000)))
    assert len(ids) == 100
    assert ids[0] == "<0@b>"


@pytest.mark.parametrize(
    "value", ["<" * 1_000_000, "<a" * 500_000, "<" + "a" * 1_000_000, "a@" * 500_000, " " * 1_000_000]
)
def test_hostile_references_cost_no_more_than_they_are_long(value: str) -> None:
    started = time.monotonic()
    message_ids(value)
    assert time.monotonic() - started < BY_THE_SQUARE


@pytest.mark.parametrize("value", [" \n" * 3_000 + "x", "re:" * 3_000, "[" * 3_000, "re(" * 3_000])
def test_hostile_subjects_cost_no_more_than_they_are_long(value: str) -> None:
    started = time.monotonic()
    normalize_subject(value)
    assert time.monotonic() - started < BY_THE_SQUARE


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_value_yields_only_well_formed_ids_and_a_stable_subject(text: str) -> None:
    for found in message_ids(text):
        assert check_message_id(found) == found
    assert "\n" not in base_subject(text)


def test_an_id_without_brackets_gets_them() -> None:
    assert check_message_id(" a@b ") == "<a@b>"


@pytest.mark.parametrize(
    "text", ["", "<>", "<a", "a>", "<a> <b>", "<a\n>", "<a\r\nBcc: v>", "\u00fc@b", "<" + "a" * 995 + ">"]
)
def test_anything_but_one_id_is_refused(text: str) -> None:
    with pytest.raises(HeaderRefused):
        check_message_id(text)


def test_a_reply_refers_to_its_parent_last() -> None:
    assert references_for_reply((), "<p@b>") == ("<p@b>",)
    assert references_for_reply(("<a@b>", "<p@b>", "<c@d>"), "<p@b>") == ("<a@b>", "<c@d>", "<p@b>")


def test_long_references_keep_the_root_and_the_newest() -> None:
    references = references_for_reply([f"<{number}@b>" for number in range(200)], "<p@b>")
    assert len(references) == 20
    assert (references[0], references[1], references[-1]) == ("<0@b>", "<182@b>", "<p@b>")
