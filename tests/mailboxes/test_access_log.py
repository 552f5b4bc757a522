"""Who called the API: what is written down, by whom, and at what cost to the call."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from config.owner import as_owner
from mailboxes import access_log, access_writer, clock, departure, keys, sessions, statements
from mailboxes.access_writer import Call, Writer, subject_of, writer
from mailboxes.api.access_middleware import route_of
from mailboxes.models import AccessEntry
from mailboxes.modes import OversightMode
from tests import builders, plans
from tests.api_client import Api
from tests.builders import Tenant
from tests.leaving import erase_all

pytestmark = pytest.mark.django_db(transaction=True)

MAIL = {"to": ["kim@friends.example"], "subject": "Hello", "bodyText": "Good day.\n"}
PATIENCE = 60


@pytest.fixture(autouse=True)
def _kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.ACCESS_LOG_DAYS = 90
    monkeypatch.setattr(access_writer, "FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(access_writer, "CLOSE_SECONDS", PATIENCE)
    writer.begin_anew()
    yield
    writer.close()


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def written() -> list[AccessEntry]:
    """What stands in the log once the writer has written what waits; moments are as exact as it is quick."""
    writer.close()
    return list(AccessEntry.objects.order_by("at"))


def call(owner: Tenant, **fields: Any) -> Call:
    known = {"account_id": owner.account.pk, "key_id": None, "actor": "agent:x", "method": "GET", "route": "/v1/x"}
    return Call(**(known | {"status": 200, "began": time.monotonic(), "seconds": 0.01} | fields))


def until(holds: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_call_is_written_with_its_key_route_status_and_a_hash_of_its_subject(alice: Tenant) -> None:
    before = clock.now()
    message = builders.submit(alice)
    api = Api(alice.key_text)
    path = f"/mailboxes/{alice.mailbox.pk}/messages/{message.pk}"
    answer = api.send("GET", path, X_Request_Id="trace-7")
    assert answer.status == 200
    [entry] = written()
    assert alice.agent_actor.key is not None
    assert (entry.account_id, entry.key_id) == (alice.account.pk, alice.agent_actor.key.pk)
    assert (entry.actor, entry.method, entry.status) == (f"agent:{alice.agent.pk}", "GET", 200)
    assert entry.route == "/v1/mailboxes/{id}/messages/{msgId}"
    assert entry.subject == subject_of(str(message.pk))
    assert entry.request_id == "trace-7"
    assert before <= entry.at <= clock.now()
    assert 0 <= entry.milliseconds < 600_000


def test_it_holds_no_secret_no_query_and_no_id_that_was_named(alice: Tenant) -> None:
    api = Api(alice.key_text)
    api.get(f"/mailboxes/{alice.mailbox.pk}/messages", tag="bassoon")
    api.get(f"/mailboxes/{alice.key_text}")
    api.send("GET", "/mailboxes", X_Request_Id=alice.key_text)
    api.post("/api-keys", {"name": "bassoon"})
    found = written()
    assert sorted(entry.status for entry in found) == [200, 200, 201, 404]
    text = repr(list(AccessEntry.objects.values()))
    for secret in ("bassoon", alice.key_text, alice.key_text[:14], str(alice.mailbox.pk), alice.mailbox.full_address):
        assert secret not in text, secret


def test_refusals_and_failures_of_known_callers_are_calls_too(alice: Tenant) -> None:
    scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[1]
    Api(scoped).get("/account")
    Api(builders.decide_key(alice.owner)).get(f"/oversight/reviews/{uuid4()}")
    assert {(entry.status, entry.actor) for entry in written()} == {
        (403, f"agent:{alice.agent.pk}"),
        (404, f"member:{alice.owner.pk}"),
    }


def test_a_session_is_a_caller_without_a_key(alice: Tenant, settings: Settings) -> None:
    client = Client()
    client.cookies[settings.API_SESSION_COOKIE_NAME] = sessions.open_for(alice.owner.user, now=clock.now())
    assert client.get("/v1/account").status_code == 200
    [entry] = written()
    assert (entry.key_id, entry.actor) == (None, f"agent:{alice.agent.pk}")


def test_who_is_not_let_in_and_who_looks_at_pages_is_not_there(alice: Tenant) -> None:
    Api().get("/mailboxes")
    Api("gp_live_nonsense").get("/mailboxes")
    Api().get("/openapi.json")
    Client().get("/login/")
    assert written() == []


def test_a_stream_is_noted_when_it_begins(alice: Tenant) -> None:
    answer = Client().get("/v1/account/export", headers={"Authorization": f"Bearer {alice.key_text}"})
    b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # no types there
    [entry] = written()
    assert entry.route == "/v1/account/export"


def test_a_request_pays_no_statement_for_it(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    def none(*_given: object) -> None:
        raise AssertionError("a prepared statement")

    noted = call(alice)
    monkeypatch.setattr(statements, "run", none)
    with django_assert_num_queries(0):
        for _ in range(100):
            access_log.note(noted)
    assert len(written()) == 100


def test_a_note_takes_microseconds(alice: Tenant) -> None:
    noted = call(alice)
    access_log.note(noted)
    taken = []
    for _ in range(2000):
        begun = time.perf_counter()
        access_log.note(noted)
        taken.append(time.perf_counter() - begun)
    assert statistics.median(taken) < 0.001


def test_many_are_written_in_few_statements_each_once(alice: Tenant) -> None:
    for number in range(1200):
        access_log.note(call(alice, request_id=str(number)))
    found = written()
    assert len(found) == 1200
    assert len({entry.request_id for entry in found}) == 1200


def test_where_the_queue_is_full_calls_are_dropped_counted_and_told(
    alice: Tenant, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.delete(access_writer.DROPPED)
    settings.ACCESS_LOG_WAITING = 10
    monkeypatch.setattr(Writer, "_write_all", lambda self: None)
    for _ in range(25):
        access_log.note(call(alice))
    assert writer.waiting == 10
    until(lambda: access_log.dropped() == 15)
    told = Client().get("/health/ready").json()["checks"]["accessLog"]
    assert told == {"ok": True, "droppedToday": 15}


def test_what_waits_while_the_database_is_away_is_written_when_it_is_back(
    alice: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failures = Writer._write, iter(range(3))

    def away(self: Writer, batch: Any) -> None:
        if next(failures, None) is not None:
            raise psycopg.OperationalError("away")
        write(self, batch)

    monkeypatch.setattr(Writer, "_write", away)
    for number in range(5):
        access_log.note(call(alice, request_id=str(number)))
    until(lambda: AccessEntry.objects.count() == 5)
    assert sorted(entry.request_id for entry in written()) == list("01234")


def test_what_can_not_be_written_does_not_hold_up_the_rest(alice: Tenant) -> None:
    access_log.note(call(alice, request_id="\x00"))
    until(lambda: writer.waiting == 0)
    access_log.note(call(alice, request_id="next"))
    assert [entry.request_id for entry in written()] == ["next"]


def test_nothing_is_kept_where_the_operator_wants_none(alice: Tenant, settings: Settings) -> None:
    settings.ACCESS_LOG_DAYS = 0
    Api(alice.key_text).get("/mailboxes")
    assert written() == []


def test_a_process_that_ends_in_good_order_writes_first(alice: Tenant) -> None:
    """As gunicorn's workers and Daphne end: the interpreter winds up, and daemon threads are cut off."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM.format(body="note('last')", account=alice.account.pk)],
        env=_environment(), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [entry.request_id for entry in AccessEntry.objects.all()] == ["last"]


def test_a_forked_process_begins_anew_and_writes_nothing_twice(alice: Tenant) -> None:
    body = """
    note('parent')
    child = os.fork()
    note('child' if child == 0 else 'parent again')
    if child:
        os.waitpid(child, 0)
    """
    program = _PROGRAM.format(body=textwrap.dedent(body), account=alice.account.pk)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=_environment(), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = sorted(AccessEntry.objects.values_list("request_id", flat=True))
    assert found == ["child", "parent", "parent again"]


def test_old_calls_are_swept_in_steps_and_young_ones_stay(alice: Tenant) -> None:
    for _ in range(5):
        builders.called(alice)
    AccessEntry.objects.update(at=clock.now() - timedelta(days=91))
    builders.called(alice)
    assert access_log.forget_old(now=clock.now(), at_once=2) == 5
    assert AccessEntry.objects.count() == 1


def test_the_calls_of_a_deleted_account_go_and_none_come_after(alice: Tenant) -> None:
    builders.called(alice)
    noted = call(alice)
    departure.depart(alice.account, by="test", now=clock.now())
    access_log.note(noted)
    assert len(written()) == 1, "of a deleted account nothing is written any more"
    erase_all()
    assert not AccessEntry.objects.exists()


class TestReading:
    def test_a_full_access_key_reads_its_accounts_calls_page_by_page(self, alice: Tenant, settings: Settings) -> None:
        settings.ACCESS_LOG_DAYS = 0  # reading adds none
        charlie = builders.tenant("charlie")
        builders.called(charlie)
        for _ in range(3):
            builders.called(alice)
        api = Api(alice.key_text)
        first = api.get("/access-log", limit=2).json
        second = api.get("/access-log", limit=2, after=first["nextCursor"]).json
        ids = [one["id"] for one in first["calls"] + second["calls"]]
        assert (len(ids), len(set(ids)), second["nextCursor"]) == (3, 3, None)
        moments = [one["at"] for one in first["calls"] + second["calls"]]
        assert moments == sorted(moments, reverse=True)

    def test_a_persons_data_is_traced_by_the_message_that_holds_it(self, alice: Tenant, settings: Settings) -> None:
        settings.ACCESS_LOG_DAYS = 0
        message = builders.submit(alice)
        builders.called(alice, named=message.pk, route="/v1/mailboxes/{id}/messages/{msgId}")
        builders.called(alice)
        api = Api(alice.key_text)
        [found] = api.get("/access-log", subjectId=str(message.pk)).json["calls"]
        assert found["route"].endswith("{msgId}")
        assert str(message.pk) not in repr(found)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another " * 8
        assert len(api.get("/access-log", subjectId=str(message.pk)).json["calls"]) == 1

    def test_calls_are_told_by_key(self, alice: Tenant, settings: Settings) -> None:
        settings.ACCESS_LOG_DAYS = 0
        builders.called(alice)
        key = Api(alice.key_text).get("/api-keys").json["keys"][0]["id"]
        api = Api(alice.key_text)
        assert len(api.get("/access-log", keyId=key).json["calls"]) == 1
        assert api.get("/access-log", keyId=str(uuid4())).json["calls"] == []

    @pytest.mark.parametrize("query", [{"subjectId": "x"}, {"keyId": "%"}, {"limit": "0"}, {"after": "' OR 1=1"}])
    def test_a_bad_filter_is_told(self, query: dict[str, str], alice: Tenant) -> None:
        assert Api(alice.key_text).get("/access-log", **query).status == 400

    def test_neither_scoped_nor_decide_keys_read_it(self, alice: Tenant) -> None:
        scoped = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())[1]
        for text in (scoped, builders.decide_key(alice.owner)):
            assert Api(text).get("/access-log").status == 403

    def test_a_page_is_read_along_the_index(self, alice: Tenant) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            plans.only_in_order(cursor)  # for few rows all are read
            plan = access_log.of(alice.agent_actor)[:50].explain()
        assert "access_by_account" in plan

    def test_of_a_busy_account_the_calls_about_one_message_are_read_and_no_others(self, alice: Tenant) -> None:
        """As many as make the index worth it: of ten thousand calls, by time alone, all would be looked through."""
        builders.called(alice, named="one of them")
        entry = AccessEntry.objects.get()
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(BUSY, {"like": entry.pk})
            cursor.execute("ANALYZE mailboxes_accessentry")
        plan = access_log.of(alice.agent_actor, subject=alice.mailbox.pk)[:50].explain()
        assert "access_by_subject" in plan
        assert "Seq Scan" not in plan


BUSY = """
INSERT INTO mailboxes_accessentry (id, account_id, key_id, actor, method, route, status, milliseconds, subject,
    request_id, at)
SELECT gen_random_uuid(), account_id, key_id, actor, method, route, status, milliseconds, md5(i::text), request_id,
    at - i * interval '1 second'
FROM mailboxes_accessentry, generate_series(1, 10000) AS i WHERE id = %(like)s
"""


def test_a_route_is_told_without_what_stood_in_it() -> None:
    assert route_of("v1/mailboxes/<str:id>/messages/<uuid:msgId>") == "/v1/mailboxes/{id}/messages/{msgId}"
    assert route_of("v1^(?:/.*)?$") == "unknown"


def test_a_send_is_written_down_too(alice: Tenant) -> None:
    box = builders.tenant("bob", mode=OversightMode.AUTONOMOUS)
    assert Api(box.key_text).post(f"/mailboxes/{box.mailbox.pk}/messages", MAIL).status == 201
    [entry] = written()
    assert (entry.method, entry.route, entry.status) == ("POST", "/v1/mailboxes/{id}/messages", 201)
    assert entry.subject == subject_of(str(box.mailbox.pk))


_PROGRAM = """
import os, time, uuid
import django
django.setup()
from mailboxes import access_log
from mailboxes.access_writer import Call
def note(name):
    access_log.note(Call(uuid.UUID('{account}'), None, 'agent:x', 'GET', '/v1/x', 200, time.monotonic(), 0.0,
        request_id=name))
{body}
"""


def _environment() -> dict[str, str]:
    from tests.chaos.processes import database_url

    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "DATABASE_URL": database_url(),
        "ACCESS_LOG_DAYS": "90",
    }
