"""RELAY_URL: what it may say, and what it means."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from messaging.outbound.transports.relay import Relay, Tls, parse_relay_url


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://relay.example", Relay("relay.example", 587)),
        ("smtp://relay.example:25", Relay("relay.example", 25)),
        ("smtps://relay.example", Relay("relay.example", 465, is_implicit_tls=True)),
        ("smtp://us%40er:p%3A%2Fw@relay.example", Relay("relay.example", 587, "us@er", "p:/w")),
        ("smtp://relay.example?tls=opportunistic", Relay("relay.example", 587, tls=Tls.OPPORTUNISTIC)),
        ("smtp://127.0.0.1:2500", Relay("127.0.0.1", 2500, tls=Tls.OPPORTUNISTIC)),
        ("smtp://[::1]:2500?tls=none", Relay("::1", 2500, tls=Tls.NONE)),
        ("smtp://localhost?tls=required", Relay("localhost", 587)),
    ],
)
def test_a_relay_is_read_from_its_url(url: str, relay: Relay) -> None:
    assert parse_relay_url(url) == relay


@pytest.mark.parametrize(
    "url",
    [
        "relay.example:25",
        "http://relay.example",
        "smtp://",
        "smtp://relay.example/folder",
        "smtp://relay.example:port",
        "smtp://relay.example?tls=maybe",
        "smtp://relay.example?verify=no",
        "smtps://relay.example?tls=none",
        "smtp://user:s3cret@relay.example?tls=none",
        "smtp://user:s3c]ret@[relay.example",
    ],
)
def test_a_url_is_refused_without_being_repeated_when_it_can_not_be_meant(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        parse_relay_url(url)
    assert "s3c" not in str(caught.value)


def test_the_password_is_not_shown_when_a_relay_is_printed() -> None:
    assert "s3cret" not in repr(parse_relay_url("smtp://user:s3cret@relay.example"))
