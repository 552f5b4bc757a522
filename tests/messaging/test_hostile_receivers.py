"""Posts to receivers that mean no good: who is asked, who is believed, how long and how much (A46-A49, A51)."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from messaging.safe_http import Failure, Fetched, Lines, Refused, TimedOut, Unreachable, lines, urls
from tests.fakes.receiver import Bad, Receiver, bad_ways, hanging, odd_ways, receiver
from tests.fakes.tls import Trust, server_context
from tests.fakes.turncoat_dns import turncoat

from .test_safe_http_urls import BAD

PATIENCE = 0.6
LONG = 60.0
HOSTILE_RECORDS = (
    ["A 127.0.0.1"],
    ["A 169.254.169.254"],
    ["A 198.41.0.4", "A 127.0.0.1"],
    ["A 10.0.0.1", "A 198.41.0.4"],
    ["AAAA ::1"],
    ["AAAA fd00::1"],
    ["AAAA ::ffff:7f00:1"],
    ["CNAME localhost.example"],
)


@pytest.fixture
def kept() -> Iterator[Lines]:
    with Lines(idle_seconds=3600, age_seconds=3600) as made:
        yield made


def told(kept: Lines, to: Receiver, *, seconds: float = LONG) -> Fetched:
    url, allow = f"http://{to.door}/hook", frozenset({(to.web.host, to.web.port)})
    return kept.post(url, body=b"{}", headers={"webhook-id": "1"}, seconds=seconds, allow=allow)


def outcome(kept: Lines, to: Receiver, bad: Bad) -> int | str:
    """What became of a post that the receiver answers in this way. Patience ends for those only who would never end."""
    try:
        return told(kept, to, seconds=PATIENCE if bad.outcome == "timed_out" else LONG).status
    except Failure as failure:
        return failure.code


@pytest.mark.parametrize("bad", [pytest.param(bad, id=bad.name) for bad in bad_ways(patience=PATIENCE)])
def test_a_bad_answer_costs_little_and_the_next_post_goes_well_when_the_receiver_is_well(bad: Bad, kept: Lines) -> None:
    with receiver([bad.answer]) as bad_one, receiver() as healthy:
        assert told(kept, healthy).status == 200
        began = time.monotonic()
        assert outcome(kept, bad_one, bad) == bad.outcome
        assert time.monotonic() - began < LONG / 2
        assert told(kept, bad_one).status == 200
        assert told(kept, healthy).status == 200
        kept.close()
    assert [one.path for one in bad_one.heard] == ["/hook", "/hook"]  # nothing was followed, nothing asked twice
    assert healthy.web.connections == 1


@pytest.mark.parametrize("odd", [pytest.param(odd, id=odd.name) for odd in odd_ways()])
def test_an_odd_answer_does_no_harm(odd: Bad, kept: Lines) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with receiver([odd.answer]) as to:
        answer = told(kept, to)
        assert (answer.status, told(kept, to).status) == (200, 200)
        kept.close()
    assert len(answer.content) <= lines.MAX_ECHO
    assert "cookie" not in to.heard[-1].headers
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # of KiB: nobody kept it


def test_a_bad_answer_on_a_kept_connection_ends_it_and_no_more(kept: Lines) -> None:
    with receiver() as to:
        for bad in bad_ways(patience=PATIENCE):
            assert told(kept, to).status == 200
            to.moods.append(bad.answer)
            if bad.name != "drops":  # that one goes once more, and then well
                assert outcome(kept, to, bad) == bad.outcome, bad.name
        assert told(kept, to).status == 200
        kept.close()


def test_a_long_post_to_one_that_hangs_holds_up_no_other(kept: Lines) -> None:
    with receiver([hanging(LONG)] * 4) as dead, receiver() as healthy:
        for _ in range(4):
            with pytest.raises(TimedOut):
                told(kept, dead, seconds=0.2)
            assert told(kept, healthy).status == 200


# --- Who is asked at all ---


@pytest.mark.parametrize(("code", "url"), [line.split(maxsplit=1) for line in BAD.strip().splitlines()])
def test_a_url_that_is_refused_when_a_webhook_is_made_is_refused_when_it_is_told(
    code: str, url: str, kept: Lines
) -> None:
    with pytest.raises(Refused) as refused:
        kept.post(url, body=b"", headers={})
    assert refused.value.code == code


@pytest.mark.allow_hosts(["127.0.0.1", "198.41.0.4"])
@pytest.mark.parametrize("records", HOSTILE_RECORDS, ids=" ".join)
@pytest.mark.parametrize("port", [443, 8443])
def test_a_name_that_leads_inside_is_not_told(records: list[str], port: int, kept: Lines, settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_HOSTS = ["127.0.0.0/8", "hooks.example"]  # is for files
    with turncoat({"hooks.example": [records], "localhost.example": [["A 127.0.0.1"]]}) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                kept.post(f"https://hooks.example:{port}/", body=b"", headers={})
            assert refused.value.code == "blocked_address"


def test_a_resolver_that_is_slow_costs_no_more_than_the_time_there_is(kept: Lines, settings: Settings) -> None:
    with turncoat({"hooks.example": [["A 198.41.0.4"]]}, delay=LONG) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        began = time.monotonic()
        with pytest.raises((TimedOut, Unreachable)):
            kept.post("https://hooks.example/", body=b"", headers={}, seconds=0.3)
        assert time.monotonic() - began < LONG / 2


def test_an_allowed_receiver_is_no_way_to_its_neighbors(kept: Lines) -> None:
    with receiver() as to:
        allow = frozenset({("127.0.0.1", to.web.port)})
        for url in (
            f"http://127.0.0.2:{to.web.port}/",
            f"http://localhost:{to.web.port}/",
            f"http://[::1]:{to.web.port}/",
            f"http://127.0.0.1:{to.web.port - 1}/",
            f"http://x@127.0.0.1:{to.web.port}/",
        ):
            with pytest.raises(Refused):
                kept.post(url, body=b"", headers={}, allow=allow)
    assert to.web.connections == 0


# --- Whom it believes ---


@pytest.fixture
def public_loopback(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """127.0.0.2 stands for an address of the internet, to which hooks.example leads."""
    monkeypatch.setattr("messaging.safe_http.addresses.is_public", lambda address: str(address) == "127.0.0.2")
    with turncoat({"hooks.example": [["A 127.0.0.2"]]}) as dns:
        settings.DNS_RESOLVERS = [dns.address]
        yield


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
@pytest.mark.usefixtures("public_loopback")
@pytest.mark.parametrize("fault", ["", "wrong name", "expired", "self-signed"])
def test_a_receiver_is_told_when_its_certificate_is_good_and_never_else(
    fault: str, kept: Lines, trusted: Trust, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = trusted("other.example" if fault == "wrong name" else "hooks.example", is_expired=fault == "expired")
    if fault == "self-signed":
        tls, _ = server_context(tmp_path_factory.mktemp("other"), host="hooks.example")
    with receiver(host="127.0.0.2", tls=tls) as to:
        monkeypatch.setitem(urls.PORTS, "https", (to.web.port,))
        url = f"https://hooks.example:{to.web.port}/"
        for _ in range(2):
            if not fault:
                assert kept.post(url, body=b"{}", headers={}).status == 200
                continue
            with pytest.raises(Unreachable) as failed:
                kept.post(url, body=b"secret", headers={})
            assert failed.value.code == "tls_failed"
        kept.close()
    assert len(to.heard) == (0 if fault else 2)
    assert to.web.connections == (2 if fault else 1)


# --- What it is told ---


def test_headers_of_a_webhooks_owner_change_nothing_of_the_request_itself(kept: Lines) -> None:
    headers = {"Host": "internal", "content-length": "1", "Transfer-Encoding": "chunked", "Connection": "upgrade"}
    with receiver() as to:
        url, allow = f"http://{to.door}/", frozenset({(to.web.host, to.web.port)})
        kept.post(url, body=b"{}", headers=headers, allow=allow)
        for value in ("a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\r\n\r\nGET /evil HTTP/1.1\r\n"):
            with pytest.raises(Failure):
                kept.post(url, body=b"{}", headers={"X-Mine": value}, allow=allow)
        assert told(kept, to).status == 200
        kept.close()
    first = to.heard[0]
    assert (first.headers["host"], first.headers["content-length"], first.body) == (to.door, "2", b"{}")
    assert {"transfer-encoding", "connection", "x-evil"}.isdisjoint(first.headers)
    assert len(to.heard) == 2
