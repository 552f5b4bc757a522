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
from mailboxes.principals import of_member
from oversight import groups, pending
from oversight.models import Review
from oversight.pending import Wanted
from tests import builders
from tests.bench.crowd import gather

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
    pages, plans = costs(lambda: groups.listed(actor, limit=50, now=now))
    assert "review_by_fingerprint" in plans or "review_waiting" in plans, plans
