"""Oversight modes, from strict to free."""

from __future__ import annotations

from itertools import product

from mailboxes.modes import OversightMode, stricter


def test_read_only_is_the_strictest_and_autonomous_the_freest() -> None:
    ordered = sorted(OversightMode, key=lambda mode: mode.strictness, reverse=True)
    assert ordered == ["read_only", "gated_all", "gated_send", "monitored", "autonomous"]


def test_the_stricter_of_two_never_depends_on_their_order() -> None:
    for one, other in product(OversightMode, repeat=2):
        assert stricter(one, other) == stricter(other, one)
        assert stricter(one, other).strictness == max(one.strictness, other.strictness)
