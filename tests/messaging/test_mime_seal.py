"""The seal changes when anything a decision is about changes, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from messaging.mime.seal import seal
from messaging.mime.types import RecipientKind

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
BASE: dict[str, Any] = {
    "header_from": "alice@agents.example",
    "recipients": [(RecipientKind.TO, "bob@b.example"), (RecipientKind.BCC, "carol@c.example")],
    "send_at": NOON,
    "raw": b"Subject: x\r\n\r\nbody\r\n",
}


def test_the_seal_is_the_documented_hash() -> None:
    assert seal(header_from="a@b.example", recipients=[], send_at=None, raw=b"") == (
        "54f0e1aa911388a64b93c527ef9069ab2faff90610087c4ed1f00f4fe84637bf"
    )


def test_the_seal_does_not_depend_on_order_or_on_how_a_time_is_written() -> None:
    in_berlin = NOON.astimezone(timezone(timedelta(hours=2)))
    again = BASE | {"recipients": list(reversed(BASE["recipients"])), "send_at": in_berlin}
    assert seal(**again) == seal(**BASE)


@pytest.mark.parametrize(
    "change",
    [
        {"header_from": "alicf@agents.example"},
        {"recipients": [(RecipientKind.TO, "bob@b.example")]},
        {"recipients": [(RecipientKind.TO, "bob@b.example"), (RecipientKind.CC, "carol@c.example")]},
        {"recipients": [(RecipientKind.TO, "bob@b.example"), (RecipientKind.BCC, "carol@d.example")]},
        {"send_at": None},
        {"send_at": NOON + timedelta(microseconds=1)},
        {"raw": b"Subject: x\r\n\r\nbody \r\n"},
    ],
)
def test_the_seal_differs_when_one_fact_differs(change: dict[str, Any]) -> None:
    assert seal(**BASE | change) != seal(**BASE)


def test_a_time_without_zone_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="time zone"):
        seal(**BASE | {"send_at": NOON.replace(tzinfo=None)})
