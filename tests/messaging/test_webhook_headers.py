"""What a webhook's owner may add to each delivery."""

from __future__ import annotations

import pytest

from mailboxes.errors import Invalid
from messaging.webhooks import headers

LONGEST_NAME = "x" * 256
LONGEST_VALUE = "x" * 1024
GOOD = [
    {},
    {"Authorization": "Bearer abc.def"},
    {"X-Key": ""},
    {"X-Key": "a b\u00e4\u20ac"},
    {"x!#$%&'*+.^_`|~9": "x"},
    {LONGEST_NAME: LONGEST_VALUE},
    {"X-Robot": "x", "Hostname": "x", "User-Agent": "mine/1", "Cookie": "a=b"},
    {f"X-{number}": "x" for number in range(10)},
]
BAD = [
    {f"X-{number}": "x" for number in range(11)},
    {"": "x"},
    {"X Key": "x"},
    {"X-Key:": "x"},
    {"X-Key\r\nHost": "x"},
    {"X-Schl\u00fcssel": "x"},
    {LONGEST_NAME + "x": "x"},
    {"X-Key": LONGEST_VALUE + "x"},
    {"X-Key": "a\r\nHost: b"},
    {"X-Key": "a\nb"},
    {"X-Key": "a\tb"},
    {"X-Key": "a\x7fb"},
    {"X-Key": "a\x85b"},
    {"X-Key": "a\u2028b"},
    {"X-Key": " a"},
    {"X-Key": "a "},
    {"X-Key": headers.MASK},
    {"X-Key": "a", "x-key": "b"},
    *(
        {name: "x"}
        for name in (
            "Host",
            "HOST",
            "Content-Length",
            "Content-Type",
            "Transfer-Encoding",
            "Connection",
            "Keep-Alive",
            "Upgrade",
            "TE",
            "Trailer",
            "X-Robotomail-Signature",
            "x-robotomail-anything",
            "webhook-signature",
            "Accept-Encoding",
            "Expect",
        )
    ),
]


@pytest.mark.parametrize("given", GOOD)
def test_headers_are_taken_when_they_can_be_sent(given: dict[str, str]) -> None:
    headers.check(given)
    assert headers.unseal(headers.seal(given)) == given


@pytest.mark.parametrize("given", BAD)
def test_headers_are_refused_when_they_are_ours_or_can_not_be_sent(given: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        headers.check(given)
    assert refused.value.code == "webhook_header"


def test_a_mask_shows_the_names_and_nothing_of_the_values() -> None:
    assert headers.masked(headers.seal({"A": "", "B": "long " * 100 + "x"})) == {"A": "********", "B": "********"}


def test_values_do_not_stand_in_the_row() -> None:
    assert "secret" not in str(headers.seal({"A": "secret"}))
