"""What the application's database role may do. The owner's tables are closed to it until these are given."""

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# The application adds rows here and reads them; what stands there, stands.
APPEND_ONLY_TABLES = (
    "mailboxes_event",
    "oversight_decision",
    "messaging_revision",
    "oversight_rulesetversion",
)
READ_ONLY_TABLES = ("django_migrations",)
# What was deleted for good is removed from those by these, which look at the mark (mailboxes/migrations/0008).
ERASERS = (
    "mailboxes_erase_events",
    "messaging_erase_revisions",
    "oversight_erase_decisions",
    "oversight_erase_rule_sets",
)


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
        for function in _existing_functions(connection, ERASERS):
            cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {grantee}")


def set_deletion_delay(alias: str = "default") -> None:
    """Tell the database how long what was deleted is kept; called as the owner after migrate.

    A function of the owner's, not a row: who has taken the application over can't shorten it.
    """
    connection = connections[alias]
    with connection.cursor() as cursor:
        if _existing_functions(connection, ("gatepost_deletion_delay",)):
            cursor.execute(
                "CREATE OR REPLACE FUNCTION gatepost_deletion_delay() RETURNS interval LANGUAGE sql STABLE AS "
                f"$$ SELECT interval '{settings.DELETION_DELAY_DAYS:d} days' $$"
            )


def _existing(connection: BaseDatabaseWrapper, tables: tuple[str, ...]) -> list[str]:
    present = set(connection.introspection.table_names())
    return [connection.ops.quote_name(table) for table in tables if table in present]


def _existing_functions(connection: BaseDatabaseWrapper, names: tuple[str, ...]) -> list[str]:
    """With the types of what they take, as GRANT wants them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regprocedure::text FROM pg_proc "
            "WHERE proname = ANY(%s) AND pronamespace = 'public'::regnamespace",
            [list(names)],
        )
        return [str(name) for (name,) in cursor.fetchall()]
