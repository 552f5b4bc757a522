from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.commands import flush
from django.db import connections

from config.owner import SWAPPED

# Made by migrate, the same for every test.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
HAS_ROWS = "SELECT '{0}' WHERE EXISTS (SELECT FROM \"{0}\")"


class Command(flush.Command):
    """What runs after every test that commits.

    Django's own truncates every table and makes all permissions anew, which takes longer than most tests do. A DELETE
    in the few tables that have rows takes milliseconds; every foreign key is checked at the commit.
    """

    def handle(self, **options: Any) -> None:
        connection = _as_owner(connections["default"].settings_dict["NAME"])
        with connection.transaction(), connection.cursor() as cursor:
            tables = [name for (name,) in cursor.execute(TABLES) if name not in KEPT]
            look = " UNION ALL ".join(map(HAS_ROWS.format, tables)).encode()
            while full := cursor.execute(look).fetchall():  # again: a trigger may write down what was deleted
                for (table,) in full:
                    cursor.execute(f'DELETE FROM "{table}"'.encode())  # noqa: S608 - names from the catalog


@cache
def _as_owner(database: str) -> psycopg.Connection[Any]:
    """A connection of the owner of this database, kept: to open one takes longer than to delete."""
    connection = connections["default"].copy()
    connection.settings_dict |= {key: settings.DATABASE_ADMIN[key] for key in SWAPPED} | {"NAME": database}
    opened: psycopg.Connection[Any] = connection.get_new_connection(connection.get_connection_params())
    opened.autocommit = True
    opened.execute("SET lock_timeout = '20s'")  # a test that left a transaction open is told of, not waited for
    return opened


def close() -> None:
    """Nobody may be connected to a database that is removed."""
    _as_owner(connections["default"].settings_dict["NAME"]).close()
    _as_owner.cache_clear()
