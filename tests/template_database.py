"""The migrations run once per test run: the first worker (xdist) makes its database by them, the others copy it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from psycopg import sql

from config.owner import as_owner

# One worker at a time makes its database; any number, the same in each process.
LOCK = 7_102_354


@contextmanager
def migrated_once() -> Iterator[None]:
    """Inside, the test database is made. Acts as the owner; without xdist it changes nothing."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        yield
        return
    template, connection = f"gatepost_migrated_{run}", connections["default"]
    with connection._nodb_cursor() as cursor:  # Django's own door to "postgres"
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [template])
            is_there = cursor.fetchone() is not None
            if is_there:
                connection.settings_dict["TEST"]["TEMPLATE"] = template
            yield
            if not is_there:
                _copy(connection.settings_dict["NAME"], template, cursor)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _copy(database: str, template: str, cursor: object) -> None:
    connections["default"].close()  # nobody may be connected to what is copied
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(template), sql.Identifier(database))
    cursor.execute(statement)  # type: ignore[attr-defined]  # a cursor


def remove() -> None:
    """Remove the copy, if it is still there. The last one to need it was made when the first worker ends."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return
    with as_owner(), connections["default"]._nodb_cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(f"gatepost_migrated_{run}")))
