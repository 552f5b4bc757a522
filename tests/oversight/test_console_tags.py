"""The console's tags: times in words, states in shapes, hidden characters in the open."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.utils import timezone

from oversight.templatetags import console_tags

NOW = datetime(2026, 11, 20, 15, 28, tzinfo=UTC)


def render(source: str, **values: object) -> str:
    return Template("{% load console_tags %}" + source).render(Context({"now": NOW, **values})).strip()


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (timedelta(seconds=21), "in 21 seconds"),
        (timedelta(seconds=1), "in 1 second"),
        (timedelta(minutes=12, seconds=59), "in 12 minutes"),
        (timedelta(hours=1), "in 1 hour"),
        (timedelta(days=6, hours=23), "in 6 days"),
        (timedelta(seconds=-8), "8 seconds ago"),
        (timedelta(hours=-2), "2 hours ago"),
        (timedelta(0), "0 seconds ago"),
    ],
)
def test_a_distance_is_said_in_its_largest_whole_unit(distance: timedelta, expected: str) -> None:
    assert console_tags.words(NOW + distance, NOW) == expected


def test_the_clock_names_the_day_when_it_is_another_one() -> None:
    with timezone.override("UTC"):
        assert console_tags.clock(NOW + timedelta(minutes=12), NOW) == "15:40"
        assert console_tags.clock(NOW + timedelta(days=1), NOW) == "21 Nov, 15:28"


def test_the_clock_is_the_readers_when_a_zone_is_active() -> None:
    with timezone.override("Asia/Kathmandu"):
        assert console_tags.clock(NOW, NOW) == "21:13"


def test_a_countdown_is_urgent_in_its_last_hour() -> None:
    soon = render("{% countdown value %}", value=NOW + timedelta(minutes=59))
    later = render("{% countdown value %}", value=NOW + timedelta(hours=2))
    assert "is-urgent" in soon
    assert "is-urgent" not in later


def test_a_time_carries_its_exact_moment_beside_the_words() -> None:
    shown = render("{% when value %}", value=NOW - timedelta(hours=2))
    assert 'datetime="2026-11-20T13:28:00+00:00"' in shown
    assert "2 hours ago" in shown


@pytest.mark.parametrize("state", sorted(console_tags.STATUS_LOOKS))
def test_every_state_is_told_by_shape_and_word(state: str) -> None:
    look = console_tags.STATUS_LOOKS[state]
    shown = render("{% status_badge state %}", state=state)
    assert f"#{look.icon}" in shown
    assert str(look.word) in shown
    assert look.css in shown


def test_an_unknown_state_is_shown_by_its_own_word_and_escaped() -> None:
    assert "&lt;b&gt;" in render("{% status_badge state %}", state="<b>")


@pytest.mark.parametrize("mode", ["read_only", "gated_all", "gated_send", "monitored", "autonomous"])
def test_every_mode_has_its_words(mode: str) -> None:
    assert str(console_tags.MODE_LOOKS[mode].word) in render("{% mode_chip mode %}", mode=mode)


def test_a_turned_file_name_shows_the_mark_that_turns_it() -> None:
    assert console_tags.visible("invoice\u202efdp.exe") == 'invoice<span class="mark">RLO</span>fdp.exe'


@pytest.mark.parametrize("character", ["\u200b", "\u2066", "\ufeff", "\x00", "\x1b", "\x85", "\n"])
def test_invisible_characters_are_marked(character: str) -> None:
    assert '<span class="mark">' in console_tags.visible(f"a{character}b")


def test_user_text_is_escaped_when_it_is_marked() -> None:
    assert console_tags.visible("<i>\u200b&") == '&lt;i&gt;<span class="mark">ZWSP</span>&amp;'


def test_plain_text_of_any_language_stays_as_it_is() -> None:
    assert console_tags.visible("Grüße, 你好, مرحبا") == "Grüße, 你好, مرحبا"


def test_nothing_is_shown_for_no_text() -> None:
    assert console_tags.visible(None) == ""


@pytest.mark.parametrize(
    ("name", "expected"), [("Rhea Park", "RP"), ("bob@example.com", "B"), ("ana.li@x.example", "AL"), ("", "?")]
)
def test_initials_come_from_a_name_or_an_address(name: str, expected: str) -> None:
    assert console_tags.initials(name) == expected


@pytest.mark.parametrize(("number", "expected"), [(0, "0"), (37, "37"), (999, "999"), (1000, "999+")])
def test_counts_stop_below_a_thousand(number: int, expected: str) -> None:
    assert console_tags.tally(number) == expected


def test_text_of_several_lines_keeps_its_lines_and_marks_the_rest() -> None:
    shown = render("{{ value|visible_lines }}", value="a <b>\r\n\tc\u200bd\u202e")
    assert shown == ('a &lt;b&gt;\n\tc<span class="mark">ZWSP</span>d<span class="mark">RLO</span>')
