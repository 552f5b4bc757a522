from typing import Any

from django.core.management.commands import flush
from django.db import connections, transaction

from config.owner import as_owner

# Made by migrate, the same for every test.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


class Command(flush.Command):
    """What runs after every test that commits.

    Django's own truncates every table and makes all permissions anew, which takes longer than most tests do. A DELETE
    in the few tables that have rows takes milliseconds; every foreign key is checked at the commit.
    """

    def handle(self, **options: Any) -> None:
        alias = options["database"]
        connection = connections[alias]
        with as_owner(alias), transaction.atomic(using=alias), connection.cursor() as cursor:
            tables = sorted(set(connection.introspection.table_names(cursor)) - KEPT)
            has_rows = "SELECT '{0}' WHERE EXISTS (SELECT FROM \"{0}\")"
            cursor.execute(" UNION ALL ".join(has_rows.format(table) for table in tables))
            for (table,) in cursor.fetchall():
                cursor.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names from the catalog
