"""Whom a request reaches: names that turn, resolvers that are slow, certificates, over real sockets on loopback
(A47, the certificates of A49)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import pytest
from pytest_django import Settings

from messaging.safe_http import Refused, TimedOut, Unreachable, check_url, fetch, urls
from tests.fakes.tls import Trust, server_context
from tests.fakes.turncoat_dns import turncoat
from tests.fakes.web import bytes_of, saying, web_server

from .posting import post

LONG = 60.0


def test_a_name_that_turns_to_loopback_after_the_check_is_not_connected_to(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = []
    with web_server(saying(bytes_of())) as web, turncoat({"hooks.example": [[], ["A 127.0.0.1"]]}) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        check_url("https://hooks.example/")
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                post("https://hooks.example/", body=b"", headers={})
            assert refused.value.code == "blocked_address"
    assert web.connections == 0


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
def test_the_address_that_was_looked_at_is_the_one_that_is_asked_when_the_name_turns_at_once(
    settings: Settings, trusted: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["127.0.0.2"]
    context = trusted("hooks.example")
    answers = {"hooks.example": [["A 127.0.0.2"], ["A 127.0.0.1"]]}
    with web_server(saying(bytes_of(content=b"2")), host="127.0.0.2", tls=context) as web, turncoat(answers) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        monkeypatch.setitem(urls.PORTS, "https", (web.port,))
        assert fetch(f"https://hooks.example:{web.port}/", max_bytes=1).content == b"2"
        with pytest.raises(Refused):
            fetch(f"https://hooks.example:{web.port}/", max_bytes=1)
    assert dns.asked == [("hooks.example", "A")] * 2  # each request asks once
    assert web.server_names == ["hooks.example"]


@pytest.mark.parametrize(
    "records",
    [
        ["A 127.0.0.1"],
        ["A 10.0.0.1"],
        ["A 169.254.169.254"],
        ["A 198.41.0.4", "A 127.0.0.1"],
        ["A 127.0.0.1", "A 198.41.0.4"],
        ["AAAA ::1"],
        ["AAAA ::ffff:7f00:1"],
        ["AAAA 2001:500:2::c", "AAAA fd00::1"],
        ["AAAA 64:ff9b::7f00:1"],
        ["CNAME inner.example"],
        ["CNAME metadata.google.internal"],
    ],
    ids=" ".join,
)
@pytest.mark.allow_hosts(["127.0.0.1", "198.41.0.4", "2001:500:2::c"])
def test_a_name_is_refused_when_any_of_its_addresses_is_not_public(records: list[str], settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = []
    answers = {
        "hooks.example": [records],
        "inner.example": [["A 10.0.0.1"]],
        "metadata.google.internal": [["A 169.254.169.254"]],
    }
    with turncoat(answers) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        with pytest.raises(Refused) as refused:
            check_url("https://hooks.example/")
        with pytest.raises(Refused):
            fetch("https://hooks.example/", max_bytes=1)
    assert refused.value.code == "blocked_address"


@pytest.mark.allow_hosts(["127.0.0.1", "198.41.0.4"])
def test_a_name_is_accepted_when_all_its_addresses_are_public(settings: Settings) -> None:
    with turncoat({"hooks.example": [["CNAME www.example"]], "www.example": [["A 198.41.0.4"]]}) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        check_url("https://hooks.example/")


def test_a_name_that_nobody_resolves_is_accepted_and_fails_when_it_is_asked(settings: Settings) -> None:
    with turncoat({}) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        check_url("https://hooks.example/")
        with pytest.raises(Unreachable) as failed:
            fetch("https://hooks.example/", max_bytes=1)
    assert failed.value.code == "unresolved"


def test_a_resolver_that_is_slow_costs_no_more_than_the_time_there_is(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with turncoat({"hooks.example": [["A 127.0.0.1"]]}, delay=LONG) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        began = time.monotonic()
        check_url("https://hooks.example/", seconds=0.3)
        with pytest.raises((TimedOut, Unreachable)):
            fetch("https://hooks.example/", max_bytes=1, seconds=0.3)
        assert time.monotonic() - began < LONG / 2


def test_names_that_take_their_time_hold_few_of_those_who_check(settings: Settings) -> None:
    with turncoat({"hooks.example": [["A 10.0.0.1"]]}, delay=LONG) as dns, ThreadPoolExecutor(12) as pool:
        settings.DNS_RESOLVERS = [dns.address]
        results = [pool.submit(check_url, "https://hooks.example/") for _ in range(12)]
        *_, last_of_eight = islice(as_completed(results), 8)
        assert last_of_eight.exception() is None  # eight of them do not wait
        dns.is_over.set()
        refused = [one for one in results if isinstance(one.exception(), Refused)]
    assert len(refused) == 4
    with pytest.raises(Refused):
        check_url("https://10.0.0.1/")


def test_a_hosts_file_is_believed_for_hosts_that_the_operator_named_only(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with web_server(saying(bytes_of(content=b"x"))) as web:
        with pytest.raises(Refused):
            fetch(f"http://localhost:{web.port}/", max_bytes=1)
        settings.ALLOWED_PRIVATE_HOSTS = ["localhost"]
        assert fetch(f"http://localhost:{web.port}/", max_bytes=1).content == b"x"


# --- TLS ---


def test_a_server_is_believed_when_its_certificate_is_for_the_hosts_name(settings: Settings, trusted: Trust) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["localhost"]
    with web_server(saying(bytes_of(content=b"x")), tls=trusted("localhost")) as web:
        assert fetch(f"https://localhost:{web.port}/", max_bytes=1).content == b"x"
    assert web.server_names == ["localhost"]


@pytest.mark.parametrize("host", ["other.example", "127.0.0.2"])
def test_a_server_is_not_believed_when_its_certificate_is_for_another_name(
    host: str, settings: Settings, trusted: Trust
) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["localhost"]
    with web_server(saying(bytes_of()), tls=trusted(host)) as web, pytest.raises(Unreachable) as failed:
        fetch(f"https://localhost:{web.port}/", max_bytes=1)
    assert failed.value.code == "tls_failed"
    assert web.requests == []


def test_a_server_is_not_believed_when_nobody_vouches_for_it(settings: Settings, tmp_path: Path) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["localhost"]
    context, _ = server_context(tmp_path, host="localhost")
    with web_server(saying(bytes_of()), tls=context) as web, pytest.raises(Unreachable) as failed:
        post(f"https://localhost:{web.port}/", body=b"secret", headers={})
    assert failed.value.code == "tls_failed"
    assert web.requests == []
