"""What the application's database role may do. The owner's tables are closed to it until these are given."""

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# The application adds rows here and reads them; what stands there, stands.
APPEND_ONLY_TABLES = ("mailboxes_event", "oversight_decision", "messaging_revision")
READ_ONLY_TABLES = ("django_migrations",)


def grant_to_app_role(alias: str = "default") -> None:
    """Bring the application role's rights up to date; called as the owner after migrate. One role: nothing to do."""
    role, owner = settings.DATABASES[alias]["USER"], settings.DATABASE_ADMIN["USER"]
    if role == owner:
        return
    connection = connections[alias]
    grantee = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {grantee}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {grantee}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {grantee}")
        for table in _existing(connection, APPEND_ONLY_TABLES):
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {grantee}")
        for table in _existing(connection, READ_ONLY_TABLES):
            cursor.execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table} FROM {grantee}")


def _existing(connection: BaseDatabaseWrapper, tables: tuple[str, ...]) -> list[str]:
    present = set(connection.introspection.table_names())
    return [connection.ops.quote_name(table) for table in tables if table in present]
