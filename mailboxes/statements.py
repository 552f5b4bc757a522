"""Statements that run very often: bound by the server and prepared once per connection.

Django's own cursor writes every value into the text, so that the server plans each statement anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection

PREPARED_AFTER = 2


def run(statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """Its rows, in the caller's transaction. Values come in psycopg's types: UUID, bytes, lists for arrays."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    if raw.prepare_threshold is None:
        raw.prepare_threshold = PREPARED_AFTER
    with connection.wrap_database_errors, psycopg.Cursor(raw) as cursor:
        cursor.execute(statement.encode(), parameters, binary=True)
        return cursor.fetchall() if cursor.description else []
