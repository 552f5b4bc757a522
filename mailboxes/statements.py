"""Statements that run very often: bound by the server and prepared once per connection.

Django's own cursor writes every value into the text, so that the server plans each statement anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, InternalError, OperationalError, connections

from .outages import READ_ONLY, sqlstate

PREPARED_AFTER = 2


def run(statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """Its rows, in the caller's transaction. Values come in psycopg's types: UUID, bytes, lists for arrays."""
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    raw: psycopg.Connection[Any] = database.connection
    if raw.prepare_threshold is None:
        raw.prepare_threshold = PREPARED_AFTER
    try:
        with database.wrap_database_errors, psycopg.Cursor(raw) as cursor:
            cursor.execute(statement.encode(), parameters, binary=True)
            result = cursor.pgresult
            return cursor.fetchall() if result and result.nfields else []
    except InternalError as error:
        if sqlstate(error) != READ_ONLY:
            raise
        # It says nothing of the row: the server has become a standby under our connection, which is as good as away.
        raise OperationalError(*error.args) from error.__cause__
