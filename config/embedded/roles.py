"""The two database roles of an embedded cluster. What the second may do is granted after migrate (config.grants)."""

from typing import Any

import psycopg
from psycopg import sql

OWNER_ROLE = "gatepost_owner"
APP_ROLE = "gatepost"
DATABASE = "gatepost"


def create_roles_and_database(connection: "psycopg.Connection[Any]") -> None:
    """Roles `gatepost_owner` (may create databases, for the tests) and `gatepost` (nothing by itself)."""
    for role, attributes in ((OWNER_ROLE, "LOGIN CREATEDB"), (APP_ROLE, "LOGIN")):
        if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
            connection.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(role)))
    if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE))
        )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
    connection.execute(
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
            sql.Identifier(DATABASE), sql.Identifier(APP_ROLE)
        )
    )


def _exists(connection: "psycopg.Connection[Any]", query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None
