"""What the facts of a send read does not grow with the account's mail: pages of 8 KB, and no table read whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from messaging.models import Message
from oversight.facts import history
from tests.bench.bench_lists import statements_of
from tests.bench.crowd import Crowd, gather
from tests.oversight.facts import facts_of

FEW, MANY = 2_000, 8_000  # more than FACTS_MOST_OF_THREAD wait in one thread of either
# Rows lie on other pages, and a tree is a level higher.
SLACK = 60
# The crowd has no rows in the other tables: what is empty may be read as one likes.
READ_WHOLE = re.compile(r"Seq Scan on messaging_(message|recipient|thread|revision)\b")
# What an hour or a day holds is read, and is more where more was sent.
OF_TIME = {"new_recipients_hour", "recipients_hour", "recipients_day"}


def asked(crowd: Crowd) -> dict[str, Any]:
    """A stranger, somebody who was written to, somebody who wrote; in answer to a mail of the mailbox."""
    parent = Message.objects.get(pk=crowd.received.pk)
    return {
        "to": ("nobody@evil.example", "person-3@friends.example", parent.from_address),
        "in_reply_to": parent.message_id,
    }


def pages_and_plans(crowd: Crowd) -> Iterator[tuple[str, int, str]]:
    for name in sorted(history.PARTS):
        fields = asked(crowd)

        def ask(_: Any, name: str = name, fields: dict[str, Any] = fields) -> None:
            facts_of(crowd.tenant, needs=frozenset({name}), **fields)

        (statement,) = [one for one in statements_of(ask, crowd) if "json_to_recordset" in one.sql]
        yield name, statement.pages(), statement.plan()


@pytest.mark.django_db(transaction=True)
def test_a_send_reads_as_much_of_many_rows_as_of_few(settings: Settings) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "zeal" not in name]
    few, many = gather(few=FEW, many=MANY)
    in_few = {name: pages for name, pages, _ in pages_and_plans(few)}
    grown, whole = {}, []
    for name, pages, plan in pages_and_plans(many):
        if name not in OF_TIME and pages > in_few[name] * 1.2 + SLACK:
            grown[name] = (in_few[name], pages)
        whole += [(name, line.strip()) for line in plan.splitlines() if READ_WHOLE.search(line)]
    assert (grown, whole) == ({}, [])
