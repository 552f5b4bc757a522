"""Detectors read anything, and a megabyte made to trap them takes a few times what a megabyte of prose takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oversight.policy.detect import amounts, links, secrets
from oversight.policy.detect.material import FileContent, Material, visible
from tests import growth

SIZE = 1_000_000
# A PART-th of SIZE is read, in at most so many times what a loop of a million additions takes beside it (3 were seen).
MOST, PART, TRIES = 10, 20, 5

# What detectors begin at.
MARKS = (
    *("gp_live_", "gp_test_", "$", "EUR ", "1.", "4111 ", "DE89", "password: ", "https://", "xn--", "<a href=", "<!--"),
    *("-----BEGIN ", "sk-", "%5F", "\u200b", "QUFB", "=", "\ufdfa", "\ud7ff", "\U000e0041", "&#95;", "</a>", "1 "),
)
PIECES = st.text() | st.sampled_from(MARKS)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS, st.binary(max_size=200))
def test_no_text_makes_a_detector_fail(text: str, html: str, content: bytes) -> None:
    material = Material(subject=text[:100], text=text, html=html, files=(FileContent("x", content),))
    secrets.find(material)
    links.find(material)
    amounts.find(visible(material))


TRAPS = (
    *("A", "ab", "1", "1 ", "1.", "1,111 ", "$", "$1 ", "EUR ", "A1 ", "-----BEGIN ", "aws secret ", "password:"),
    *("password is ", "g p _", "gp_live_", "gp_live_a ", "DE89 ", "DE89A", "de 12 ", "sk-", "sk-a-", "SG.", "SG.A"),
    *("<", "<a ", "<a href=x>", "<!--", "<div>", "%41", "&amp", "QUFBQUFBQUFBQUFB\n", "\u200b", "\ufdfa", "\u0345"),
    *("de 12 ", "%41%", "QUFBQUFBQUFBQUFBQUFB ", "sk-", "0x1 ", "41 ", "aws secret:", "<a href=http://x.example>y</a>"),
    *(
        "xoxa-",
        "a.",
        "a-",
        "www.",
        "https://",
        "https://a",
        " h1.com",
        "https://a.example/ ",
        "us dollar ",
        "4111 1111 ",
    ),
)
DETECTORS: dict[str, Callable[[str], object]] = {
    "secrets of text": lambda text: secrets.find(Material(text=text)),
    "secrets of HTML": lambda text: secrets.find(Material(html=text)),
    "own keys": lambda text: secrets.own_keys(Material(text=text)),
    "links of text": lambda text: links.find(Material(text=text)),
    "links of HTML": lambda text: links.find(Material(html=text)),
    "amounts": amounts.find,
}


def loop() -> None:
    total = 0
    for number in range(1_000_000):
        total += number


def loops(detector: str, text: str) -> float:
    """How many loops the detector takes for the text; both under the same weather."""
    return growth.seconds_once(lambda: DETECTORS[detector](text)) / growth.seconds_once(loop)


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_hostile_megabyte_is_read_in_a_time_that_grows_with_its_length(detector: str) -> None:
    slow = {}
    for trap in TRAPS:
        text = trap * (SIZE // PART // len(trap))
        # Again and again where it was slow: another program may just have had the processor's caches.
        if all((found := loops(detector, text)) > MOST for _ in range(TRIES)):
            slow[trap] = found
    assert not slow


@pytest.mark.parametrize("trap", ["gp_live_a ", "DE89 ", "$1 ", " h1.com"])
def test_four_times_the_text_takes_about_four_times_as_long(trap: str) -> None:
    def detect(size: int) -> None:
        text = trap * (size // len(trap))
        for look in DETECTORS.values():
            look(text)

    assert growth.is_steady(lambda: detect(SIZE // 16), lambda: detect(SIZE // 4))
