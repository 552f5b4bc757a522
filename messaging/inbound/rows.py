"""New rows of one model by one prepared statement: for wide rows Django's own way costs more than all the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault

from mailboxes import statements

INSERT = """
INSERT INTO {table} ({columns})
SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %(rows)s::jsonb)
"""


def insert_all(objects: Sequence[Model]) -> None:
    """Insert objects of one model, in the caller's transaction. What the database fills in is not read back."""
    if not objects:
        return
    fields = [
        field
        for field in objects[0]._meta.concrete_fields
        if not isinstance(getattr(objects[0], field.attname), DatabaseDefault)
    ]
    table, columns = objects[0]._meta.db_table, ", ".join(f'"{field.column}"' for field in fields)
    rows = json.dumps([_row(one, fields) for one in objects], default=str)
    statements.run(INSERT.format(table=table, columns=columns), {"rows": rows})


def _row(one: Model, fields: Sequence[Field[Any, Any]]) -> dict[str, object]:
    return {str(field.column): getattr(one, field.attname) for field in fields}
