"""What a list reads at the database does not grow with what it lists: pages of 8 KB counted, not milliseconds."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tests.bench.bench_lists import LEAP, LISTS, Reader, statements_of
from tests.bench.crowd import gather

FEW, MANY = 1_000, 8_000
# Rows lie on other pages, and a tree is a level higher. Without searches, which look through LOOKED_THROUGH rows as
# long as there are so many, and without conversations of five hundred mails, which take their time to be rendered.
SLACK = 150


@pytest.mark.django_db(transaction=True)
def test_every_list_reads_as_much_of_many_rows_as_of_few(settings: Settings) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "zeal" not in name]
    few, many = map(Reader, gather(few=FEW, many=MANY))
    grown = {}
    for name, ask in LISTS.items():
        if name == LEAP or "searched" in name or "very long" in name:
            continue
        in_few, in_many = (sum(one.pages() for one in statements_of(ask, reader)) for reader in (few, many))
        if in_many > in_few * 1.2 + SLACK:
            grown[name] = (in_few, in_many)
    assert not grown
