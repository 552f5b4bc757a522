"""Who called the API, what happened, and whether the log is what was written: pages for people."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from config.owner import as_owner
from mailboxes import clock, events
from mailboxes.audit import checks
from mailboxes.events import Happening
from mailboxes.models import AccessEntry, AuditCheck, Event, Role
from oversight import audit_checks
from oversight.console import audit_rows, keyset
from tests import builders
from tests.builders import Tenant
from tests.conftest import Clock
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db


def exported(client: Client) -> list[list[str]]:
    response = client.post("/audit/export/")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in response.headers["Content-Disposition"]
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(text)))


def verified(alice: Tenant) -> AuditCheck:
    audit_checks.ask(alice.owner, now=clock.now())
    assert checks.run_due() == 1
    return AuditCheck.objects.get(account=alice.account)


def many(alice: Tenant, count: int, kind: str = "test.happened") -> None:
    events.record_all(alice.account, [Happening(kind, "x", {"n": n}) for n in range(count)], now=clock.now())


def test_calls_are_told_with_key_and_caller_and_found_by_filters(settings: Settings) -> None:
    settings.ACCESS_LOG_DAYS = 90
    alice = builders.tenant()
    builders.called(alice)
    builders.called(alice, route="/v1/api-keys")
    AccessEntry.objects.filter(route="/v1/api-keys").update(status=403, request_id="<b>req</b>")
    client, key = seat(alice.owner), alice.agent_actor.key
    assert key
    page = text_of(client.get("/access/"))
    assert page.count("log-entry") == 2
    assert all(told in page for told in (key.prefix, alice.agent.name, "&lt;b&gt;req", "kept for"))
    for query, count in (
        ("status=4", 1),
        ("status=403", 1),
        ("status=5", 0),
        ("status=x", 0),
        (f"key={key.pk}", 2),
        ("key=session", 0),
        ("key=%00", 0),
        ("q=api-keys", 1),
        ("q=%25", 0),
    ):
        found = text_of(client.get(f"/access/?{query}"))
        assert found.count("log-entry") == count, query
        assert ("No such call" in found) is (count == 0), query


def test_the_access_log_goes_on_by_pages_and_says_for_how_long_it_is_kept(settings: Settings) -> None:
    settings.ACCESS_LOG_DAYS = 7
    alice = builders.tenant()
    for number in range(51):
        builders.called(alice, route=f"/v1/r{number}")
    client = seat(alice.owner)
    page = text_of(client.get("/access/"))
    assert "kept for 7 days" in page
    found = re.search(r'href="([^"]*)" rel="next"', page)
    assert found
    assert text_of(client.get(found.group(1).replace("&amp;", "&"))).count("log-entry") == 1
    settings.ACCESS_LOG_DAYS = 0
    assert "switched this log off" in text_of(client.get("/access/"))


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
def test_only_owners_and_admins_see_who_called_and_have_the_log_verified(role: Role) -> None:
    alice = builders.tenant()
    client = seat(builders.member(alice.account, "vera", role))
    assert client.get("/access/").status_code == 403
    assert client.post("/audit/verify/").status_code == 403
    page = text_of(client.get("/audit/"))
    assert "account.created" in page
    assert "Verify now" not in page


def test_the_audit_page_tells_what_happened_by_whom_newest_first() -> None:
    alice = builders.tenant()
    rhea = builders.member(alice.account)
    many(alice, 1)
    data = {"by": f"member:{rhea.pk}"}
    events.record(alice.account, "review.snoozed", subject="x", data=data, now=clock.now())
    page = text_of(seat(rhea).get("/audit/"))
    assert page.index("review.snoozed") < page.index("test.happened") < page.index("account.created")
    assert (rhea.user.name or rhea.user.email) in page
    assert "The server" in page
    filtered = text_of(seat(rhea).get("/audit/?kind=review"))
    assert "<strong>review.snoozed</strong>" in filtered
    assert "<strong>test.happened</strong>" not in filtered


@pytest.mark.parametrize("query", ["kind=%00", "kind=nothing", "before=x", "before=99999999999999999999", "before=1"])
def test_an_odd_address_of_the_audit_page_is_no_error(query: str) -> None:
    assert seat(builders.tenant().owner).get(f"/audit/?{query}").status_code == 200


def test_a_long_log_is_read_by_pages_and_a_filter_looks_on(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    alice = builders.tenant()
    many(alice, 2_100)
    client = seat(alice.owner)
    with django_assert_max_num_queries(13):
        page = text_of(client.get("/audit/"))
    assert page.count("log-entry") == keyset.PAGE_SIZE
    first = text_of(client.get("/audit/?kind=account"))
    assert "No such event" in first
    found = re.search(r'href="([^"]*)" rel="next"', first)
    assert found
    assert "account.created" in text_of(client.get(found.group(1).replace("&amp;", "&")))


def test_a_log_that_is_whole_is_said_to_be_so_and_by_whom_it_was_asked() -> None:
    alice = builders.tenant()
    client = seat(alice.owner)
    assert "Nobody has had it looked at" in text_of(client.get("/audit/"))
    client.post("/audit/verify/")
    assert "It is being looked at" in text_of(client.get("/audit/"))
    client.post("/audit/verify/")
    assert checks.run_due() == 1
    assert checks.run_due() == 0
    page = text_of(client.get("/audit/"))
    assert "Yes." in page
    assert f"All {Event.objects.filter(account=alice.account).count()} events were read" in page
    assert "asked for by" in page


def test_a_log_is_walked_by_one_worker_and_taken_up_again_when_it_died(clock: Clock) -> None:
    alice = builders.tenant()
    clock.set(clock.now())
    audit_checks.ask(alice.owner, now=clock.now())
    AuditCheck.objects.update(begun_at=clock.now())  # by a worker that walks it, or has died
    assert checks.run_due() == 0
    clock.advance(seconds=checks.TAKEN_UP_AFTER.total_seconds() + 1)
    assert checks.run_due() == 1


@pytest.mark.django_db(transaction=True)
def test_a_log_that_was_rewritten_is_told_with_the_first_bad_event() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    many(alice, 20)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE mailboxes_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE mailboxes_event SET data = '{}' WHERE account_id = %s AND seq = 7", [alice.account.pk])
        cursor.execute("ALTER TABLE mailboxes_event ENABLE TRIGGER USER")
    assert verified(alice).fault_seq == 7
    page = text_of(seat(alice.owner).get("/audit/"))
    assert "The first bad event is 7" in page
    assert verified(charlie).fault_seq is None


def test_the_whole_log_is_a_file_in_which_no_cell_is_a_formula() -> None:
    """A58: what others chose, in front of a spreadsheet."""
    alice = builders.tenant()
    type(alice.owner.user).objects.filter(pk=alice.owner.user_id).update(name='=HYPERLINK("https://x.example","a")')
    for subject in ("+cmd|' /C calc'!A0", "@SUM(1)", "-1+1", "\t=1", "plain"):
        data = {"by": f"member:{alice.owner.pk}"}
        events.record(alice.account, "test.happened", subject=subject, data=data, now=clock.now())
    rows = exported(seat(alice.owner))
    assert tuple(rows[0]) == audit_rows.COLUMNS
    assert [int(row[0]) for row in rows[1:]] == list(range(1, len(rows)))
    assert not [cell for row in rows for cell in row if cell.startswith(audit_rows.FORMULA)]
    assert rows[-2][5] == "plain"
    assert rows[-2][3].startswith("'=HYPERLINK")
    assert rows[-3][5] == "'\t=1"
    assert rows[-1][2] == "account.audit_exported"
    newest = Event.objects.filter(account=alice.account).latest("seq")
    assert (rows[-1][8], rows[-1][4]) == (newest.hash, f"member:{alice.owner.pk}")


def test_nothing_of_another_account_is_in_the_logs() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    builders.called(alice, route="/v1/only-of-alice")
    events.record(alice.account, "test.of_alice", subject="x", data={}, now=clock.now())
    client = seat(charlie.owner)
    assert "only-of-alice" not in text_of(client.get("/access/"))
    assert "test.of_alice" not in text_of(client.get("/audit/"))
    assert "test.of_alice" not in str(exported(client))
