"""The filters of the queue at 10,000 waiting reviews: each along its index, at the cost of a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from config.owner import as_owner
from mailboxes import clock
from mailboxes.models import Member
from mailboxes.principals import of_member
from oversight import groups, lanes, pending
from oversight.console.keyset import Position
from oversight.models import Review
from oversight.pending import Wanted
from tests import builders
from tests.bench.crowd import gather
from tests.oversight.console import seat, text_of

ROWS = 20_000  # half of them wait
# Pages of 8 KB: a stretch of 2,000 rows of a search, and room.
A_PAGE, A_SEARCH = 400, 9_000

Ask = Callable[[], Any]


def costs(ask: Ask) -> tuple[int, str]:
    """How many pages its statements read, and their plans."""
    with CaptureQueriesContext(connection) as queries:
        ask()
    pages, plans = 0, ""
    with connection.cursor() as cursor:
        for line in queries.captured_queries:
            if "oversight_review" in line["sql"] and line["sql"].startswith(("SELECT", "(SELECT")):
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {line['sql']}")
                [[[plan]]] = cursor.fetchall()
                pages += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
                plans += json.dumps(plan)
    return pages, plans


def its_page_costs_the_same_wherever_one_reads(rhea: Member, late: Review) -> None:
    """Page 1 and page 199 of `/review/`, lanes and similar mails counted."""
    client = seat(rhea)
    found = []
    for after in ("", str(Position(late.expires_at, late.pk, 9_900))):
        with CaptureQueriesContext(connection) as queries:
            text = text_of(client.get("/review/", {"after": after}))
        assert len(queries) + len((clock, lanes)) <= 12  # which two ask beside Django's own cursor
        assert ("9,901\N{EN DASH}9,950 of 10,000+" in text) == bool(after)
        found.append(costs(lambda after=after: client.get("/review/", {"after": after}))[0])  # type: ignore[misc]
    first, last = found
    assert abs(last - first) <= first / 5, found
    with connection.cursor() as cursor:
        moments = {"now": clock.now(), "soon": clock.now()}
        cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {lanes.FOUND}",
            {"account": rhea.account_id, "most": 10_000, "listed": 30, **moments},
        )
        [[[plan]]] = cursor.fetchall()
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] <= A_PAGE, plan


@pytest.mark.django_db(transaction=True)
def test_each_filter_is_read_along_an_index_of_its_own_at_ten_thousand_pending(settings: Settings) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "zeal" not in name]
    [crowd] = gather(many=ROWS)
    account, now = crowd.tenant.account, clock.now() - timedelta(days=30)
    rhea = builders.member(account)
    actor = of_member(rhea)
    open_ones = Review.objects.filter(account=account, state="open").order_by("-expires_at")
    assert open_ones.count() >= ROWS // 2
    last = list(open_ones.values_list("pk", flat=True)[:30])  # behind all others: none is found by luck
    Review.objects.filter(pk__in=last[:20]).update(risk="high")
    Review.objects.filter(pk__in=last[:5]).update(lane="money", reason_code="amount")
    Review.objects.filter(pk__in=last[:3]).update(claimed_by=rhea, claimed_until=clock.now() + timedelta(days=1))
    Review.objects.filter(pk__in=last[:2]).update(fingerprint="0" * 32)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE oversight_review")

    def page(wanted: Wanted, *, is_by_risk: bool = False) -> Ask:
        return lambda: pending.page(actor, wanted, after=None, is_by_risk=is_by_risk, limit=50, now=now)

    found = {
        "review_waiting": (page(Wanted()), A_PAGE),
        "review_waiting_of_mailbox": (page(Wanted(mailbox_id=crowd.quiet.pk)), A_PAGE),
        "review_by_risk": (page(Wanted(risk="high")), A_PAGE),
        "review_by_rule": (page(Wanted(rule="amount")), A_PAGE),
        "review_by_lane": (page(Wanted(lane="money")), A_PAGE),
        "review_claimed": (page(Wanted(claimed="me")), A_PAGE),
        "review_by_fingerprint": (page(Wanted(group="0" * 32)), A_PAGE),
    }
    for index, (ask, most) in found.items():
        assert ask().ids, index
        pages, plans = costs(ask)
        assert (f'"{index}"' in plans, pages <= most, '"Seq Scan", "Parent Relationship": "Outer"' in plans) == (
            True, True, False,
        ), (index, pages, plans)  # fmt: skip
    by_risk = page(Wanted(), is_by_risk=True)
    assert by_risk().ids[0] in last[:20]
    assert costs(by_risk)[0] <= 2 * A_PAGE
    assert costs(page(Wanted(agent_id=crowd.tenant.agent.pk)))[0] <= A_SEARCH
    assert costs(page(Wanted(tag="no such tag")))[0] <= A_SEARCH
    # A word is looked for among the recipients as well.
    assert costs(page(Wanted(text="no such word"), is_by_risk=True))[0] <= 2 * A_SEARCH
    its_page_costs_the_same_wherever_one_reads(rhea, open_ones.reverse()[9_900])
    pages, plans = costs(lambda: groups.listed(actor, limit=50, now=now))
    assert "review_by_fingerprint" in plans or "review_waiting" in plans, plans
