"""Statements that run very often: bound by the server and prepared once per connection.

Django's own cursor writes every value into the text, so that the server plans each statement anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, InternalError, OperationalError, connections
from django.db.models import Model

from .outages import READ_ONLY, sqlstate

PREPARED_AFTER = 2


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a statement: the text of one or more named subqueries (`name AS (…)`), and what they are given."""

    text: str
    parameters: Mapping[str, object]


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


def run_steps(steps: Sequence[Step], answer: str) -> list[tuple[Any, ...]]:
    """Run the steps as one statement, and `answer` as its end: one round trip instead of one for each.

    No step sees the rows that another writes, only what that one returns. What two of them call by one name is the same
    to both.
    """
    parameters = {name: value for step in steps for name, value in step.parameters.items()}
    return run(_statement(tuple(step.text for step in steps), answer), parameters)


def row_of(instance: Model) -> dict[str, object]:
    """A row with all its columns, for `json_populate_record(NULL::table, …)`: no default of the table fills a None."""
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


def as_json(content: object) -> str:
    """The text of a json parameter; ids and moments as PostgreSQL reads them."""
    return json.dumps(content, default=_as_text)


def _as_text(value: object) -> str:
    if isinstance(value, UUID | datetime):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of a row")  # a default of the database, for one


@cache
def _statement(steps: tuple[str, ...], answer: str) -> str:
    return f"WITH RECURSIVE {', '.join(steps)} {answer}"
