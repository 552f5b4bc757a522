"""The event stream as its clients read it: over a socket, byte for byte."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from mailboxes import clock, departure, keys
from mailboxes.models import ApiKey, Event
from tests import arrivals, builders
from tests.browser.server import Server
from tests.builders import Tenant
from tests.chaos.processes import until
from tests.letters import letter
from tests.streams import (
    HEARTBEAT,
    PATIENCE,
    Stream,
    answer,
    has_open_end,
    running_server,
    same_bell,
    threads_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = {
    "SSE_SECONDS": "3600",
    "HEARTBEAT_SECONDS": "1",
    "SSE_PER_ACCOUNT": "220",
    "SLOW_CLIENT_SECONDS": "3600",
    "PGAPPNAME": "streams",  # by it the database knows whose connection it is
}
NOBODY = "8fc4ed58-2508-4d7c-945f-0c5749e979d2"


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("stream"), **QUICK) as server:
        yield server


@pytest.fixture(autouse=True)
def _bell(server: Server) -> Iterator[None]:
    with same_bell(server):
        yield


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def happen(tenant: Tenant, count: int = 1) -> list[str]:
    """So many keys made: an event each. Their ids."""
    for _ in range(count):
        keys.create_agent_key(tenant.agent, now=clock.now())
    return log_of(tenant)[-count:]


def log_of(tenant: Tenant) -> list[str]:
    rows = Event.objects.filter(account=tenant.account, kind="key.created").order_by("seq")
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def test_a_frame_is_three_lines_and_an_empty_one(server: Server, alice: Tenant) -> None:
    with Stream(server, alice.key_text).until_open() as stream:
        message = arrivals.arrive(alice.mailbox, letter(to=alice.mailbox.full_address))
        frame = stream.next("message.received")
        event = Event.objects.get(account=alice.account, kind="message.received")
        lines = frame.raw.split(b"\n")
        assert lines[0] == f"id: {event.pk}".encode()
        assert lines[1] == b"event: message.received"
        assert lines[2].startswith(b'data: {"id":')
        assert lines[3:] == [b"", b""]
        assert b"\r" not in frame.raw
        assert json.loads(frame.fields["data"])["data"]["message_id"] == str(message.pk)


def test_the_head_forbids_whoever_stands_between_to_hold_anything_back(server: Server, alice: Tenant) -> None:
    with Stream(server, alice.key_text) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-cache, no-transform"
        assert stream.headers["x-accel-buffering"] == "no"
        assert not [name for name in stream.headers if name.startswith("x-robotomail")]
        assert re.fullmatch(rb"retry: \d{4}\n\n", next(stream.frames()).raw)


def test_a_quiet_stream_says_that_it_lives(server: Server, alice: Tenant) -> None:
    with Stream(server, alice.key_text).until_open() as stream:
        assert next(stream.frames()).raw == HEARTBEAT


def test_a_stream_ends_by_telling_its_client_to_connect_again(
    alice: Tenant, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        running_server(tmp_path_factory.mktemp("short"), SSE_SECONDS="1") as server,
        Stream(server, alice.key_text).until_open() as stream,
    ):
        assert stream.rest() == b"event: reconnect\ndata: {}\n\n"


def test_who_comes_back_misses_nothing_and_sees_nothing_twice(server: Server, alice: Tenant) -> None:
    first, *later = happen(alice, 40)
    with Stream(server, alice.key_text, "events=key.created", last=first) as stream:
        seen = [frame.id for frame in stream.events(39)]
        later += happen(alice, 5)
        seen += [frame.id for frame in stream.events(5)]
    assert seen == later


def test_who_names_no_event_is_told_what_happens_from_now_on(server: Server, alice: Tenant) -> None:
    happen(alice, 3)
    with Stream(server, alice.key_text, "events=*").until_open() as stream:
        [fresh] = happen(alice)
        assert [frame.id for frame in stream.events(1)] == [fresh]


@pytest.mark.parametrize("last", ["0", "-1", str(2**63), "abc", NOBODY, "1712345678901-0001-ab12"])
def test_an_id_that_is_not_known_is_answered_by_a_reset(server: Server, alice: Tenant, last: str) -> None:
    with Stream(server, alice.key_text, "events=*", last=last) as stream:
        opening = b"".join(frame.raw for frame in islice(stream.frames(), 2))
        assert opening.endswith(b'event: reset\ndata: {"reason": "unknown"}\n\n')
        [fresh] = happen(alice)
        assert [frame.id for frame in stream.events(1)] == [fresh]


def test_the_id_of_another_accounts_event_is_answered_by_a_reset(server: Server, alice: Tenant) -> None:
    """A53."""
    charlie = builders.tenant("charlie")
    with Stream(server, alice.key_text, last=log_of(charlie)[0]) as stream:
        assert json.loads(stream.next("reset").fields["data"]) == {"reason": "unknown"}


def test_a_scoped_key_is_told_of_its_mailboxes_only(server: Server, alice: Tenant) -> None:
    _, scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())
    with Stream(server, scoped, "events=*").until_open() as stream:
        happen(alice)
        arrivals.arrive(alice.mailbox)
        assert stream.events(1)[0].event == "message.received"


def test_a_stranger_hears_nothing(server: Server, alice: Tenant) -> None:
    """A53."""
    charlie = builders.tenant("charlie")
    with Stream(server, charlie.key_text, "events=*").until_open() as stream:
        happen(alice)
        [own] = happen(charlie)
        assert [frame.id for frame in stream.events(1)] == [own]


@pytest.mark.parametrize(
    ("key", "path", "status", "code"),
    [
        ("gp_live_nothing", "/v1/events", 401, "malformed_key"),
        ("", "/v1/events?events=message.sold", 400, "unknown_event"),
        ("", f"/v1/events?mailboxId={NOBODY}", 404, "NOT_FOUND"),
        ("", "/v1/events?mailboxId=x", 404, "NOT_FOUND"),
    ],
)
def test_what_is_wrong_is_told_in_json_before_the_stream_begins(
    server: Server, alice: Tenant, key: str, path: str, status: int, code: str
) -> None:
    told_status, headers, body = answer(server, key or alice.key_text, path)
    assert (told_status, json.loads(body)["code"]) == (status, code)
    assert headers["content-type"] == "application/json"


def test_the_sixth_stream_of_a_key_is_refused_until_one_ends(server: Server, alice: Tenant) -> None:
    streams = [Stream(server, alice.key_text).until_open() for _ in range(5)]
    status, headers, body = answer(server, alice.key_text, "/v1/events")
    assert (status, json.loads(body)["code"]) == (429, "too_many_streams")
    assert int(headers["retry-after"]) > 0
    streams.pop().close()
    until(lambda: may_listen(server, alice.key_text), "a place is free", seconds=PATIENCE)
    for stream in streams:
        stream.close()


def test_a_revoked_key_hears_nothing_more(server: Server, alice: Tenant) -> None:
    key, text = keys.create_agent_key(alice.agent, now=clock.now())
    with (
        Stream(server, text, "events=*").until_open() as stream,
        Stream(server, alice.key_text, "events=*").until_open() as other,
    ):
        keys.revoke_now(key, by="test", now=clock.now())
        assert stream.rest().replace(HEARTBEAT, b"") == b""
        assert other.next("key.revoked").id


def test_an_expired_key_hears_nothing_more(server: Server, alice: Tenant) -> None:
    key, text = keys.create_agent_key(alice.agent, now=clock.now())
    with Stream(server, text).until_open() as stream:
        ApiKey.objects.filter(pk=key.pk).update(expires_at=clock.now())
        assert stream.rest().replace(HEARTBEAT, b"") == b""


def test_the_streams_of_a_deleted_account_end(server: Server, alice: Tenant) -> None:
    with Stream(server, alice.key_text, "events=*").until_open() as stream:
        departure.depart(alice.account, by="test", now=clock.now())
        assert b"reconnect" not in stream.rest()


def test_streams_cost_no_threads_and_no_connections(server: Server, alice: Tenant) -> None:
    texts = [keys.create_agent_key(alice.agent, now=clock.now())[1] for _ in range(39)]
    pid = server.running[-1].pid
    with Stream(server, alice.key_text, "events=*").until_open() as warm, ExitStack() as open_streams:
        happen(alice)
        warm.events(1)
        before = threads_of(pid)
        # Many at once, so that many of the threads that answer requests have a part in it.
        with ThreadPoolExecutor(24) as clients:
            for stream in clients.map(lambda text: Stream(server, text), texts * 5):
                open_streams.enter_context(stream).until_open()
        # The pool of threads that answers requests may have grown to its size; nothing grows with the streams.
        assert threads_of(pid) <= max(before, 24 + 8)
        # The database takes its time to forget a connection that was closed behind its answer; those of streams would
        # stay. Few are the ways that read events: one for what is new, which is kept, and four for what was.
        until(lambda: 1 <= server_connections() <= 5, "there are few connections", seconds=PATIENCE)


def test_who_does_not_read_is_cut_and_replays(server: Server, alice: Tenant, tmp_path: Path) -> None:
    with (
        running_server(tmp_path, SLOW_CLIENT_SECONDS="2") as strict,
        same_bell(strict),
        Stream(strict, alice.key_text, buffer=4096).until_open() as stream,
    ):
        long_mails(alice, 1)
        seen = [frame.id for frame in stream.events(1)]
        long_mails(alice, 12)
        until(lambda: not has_open_end(strict.port, stream.port), "the server lets go", seconds=PATIENCE)
        seen += [frame.id for frame in stream.frames() if frame.id]
    assert len(seen) < 13
    with Stream(server, alice.key_text, last=seen[-1]) as stream:
        seen += [frame.id for frame in stream.events(13 - len(seen))]
    told = Event.objects.filter(account=alice.account, kind="message.received").order_by("seq")
    assert seen == [str(pk) for pk in told.values_list("pk", flat=True)]


def long_mails(tenant: Tenant, count: int) -> None:
    address = tenant.mailbox.full_address
    for _ in range(count):
        arrivals.arrive(tenant.mailbox, letter(to=address, body="So be it. \r\n" * 70_000))


def test_who_waits_for_the_log_is_answered_by_the_first_event(server: Server, alice: Tenant) -> None:
    path = "/v1/events/log?after=latest&types=key.created&wait=60"
    begun = time.monotonic()
    with Stream(server, alice.key_text, path=path) as asked:
        [happened] = happen(alice)
        body = asked.rest()
        assert time.monotonic() - begun < 30
        page = json.loads(body)
        assert body.startswith(b"\n")
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["x-robotomail-inbound-quota"] == "0/100"
    assert [event["id"] for event in page["events"]] == [happened]
    assert (page["cursor"], page["hasMore"]) == (happened, False)


def test_who_waits_for_nothing_is_told_so_in_the_end_and_where_to_go_on(server: Server, alice: Tenant) -> None:
    with Stream(server, alice.key_text, path="/v1/events/log?after=latest&types=key.created&wait=8") as asked:
        builders.submit(alice)
        body = asked.rest()
    assert body.count(b"\n") > 1
    last = Event.objects.filter(account=alice.account).order_by("-seq")[0]
    assert json.loads(body) == {"events": [], "cursor": str(last.pk), "hasMore": False}


def test_who_need_not_wait_is_answered_at_once(server: Server, alice: Tenant) -> None:
    _, headers, body = answer(server, alice.key_text, "/v1/events/log?types=*&wait=60")
    assert "content-length" in headers
    assert json.loads(body)["events"]


def test_who_holds_all_streams_it_may_waits_for_nothing(server: Server, alice: Tenant) -> None:
    streams = [Stream(server, alice.key_text).until_open() for _ in range(5)]
    begun = time.monotonic()
    status, _, body = answer(server, alice.key_text, "/v1/events/log?after=latest&wait=60")
    assert (status, json.loads(body)["events"]) == (200, [])
    assert time.monotonic() - begun < 30
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("seconds", ["61", "-1", "x", ""])
def test_a_wait_that_is_no_number_of_seconds_is_refused(client: Client, alice: Tenant, seconds: str) -> None:
    headers = {"Authorization": f"Bearer {alice.key_text}"}
    told = client.get("/v1/events/log", {"wait": seconds}, headers=headers)
    assert (told.status_code, told.json()["field"]) == (400, "wait")


def test_the_streams_end_when_the_server_does(
    alice: Tenant, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_server(tmp_path_factory.mktemp("ending")) as server:
        streams = [Stream(server, alice.key_text).until_open() for _ in range(4)]
        web = server.running[-1]
        web.terminate()
        web.wait(timeout=PATIENCE)
        for stream in streams:
            stream.rest()
            stream.close()


def test_a_process_without_an_event_loop_sends_clients_elsewhere(client: Client, alice: Tenant) -> None:
    answer = client.get("/v1/events", headers={"Authorization": f"Bearer {alice.key_text}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "streams_elsewhere")


def may_listen(server: Server, key: str) -> bool:
    with Stream(server, key) as stream:
        return stream.status == 200


def server_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [QUICK["PGAPPNAME"]])
        return int(cursor.fetchone()[0])
