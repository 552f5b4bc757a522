"""Is the database there, whole, and in force against ourselves?"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from config.grants import APPEND_ONLY_TABLES
from mailboxes import clock
from mailboxes.audit import heads
from mailboxes.events import EXPECTED_HASH
from mailboxes.ids import new_id

from .ailment import Ailment

MOST_SECONDS_APART = 2.0
TRIGGERS = (
    "attempt_needs_decision", "decision_append_only", "decision_never_truncated", "event_append_only",
    "event_never_truncated", "message_guard", "revision_append_only", "revision_never_truncated",
)  # fmt: skip
GIVEN_ONE_ROLE = "Give migrations a role of their own: DATABASE_ADMIN_URL."

# Both must be refused: an attempt that nobody cleared, and a message that begins beyond the gate.
FORBIDDEN_ATTEMPT = """
INSERT INTO messaging_attempt
    (id, recipient_id, number, version, phase, worker, started_at, lease_until, outcome, code, text)
VALUES (%s, %s, 1, 1, 'started', 'doctor', now(), now(), '', '', '')
"""

# Of a log of millions the whole is for check_invariants.
NEWEST_EVENTS = 10_000
BROKEN_CHAINS = f"""
SELECT 'event ' || id FROM (
    SELECT id, seq, hash, lag(seq) OVER (PARTITION BY account_id ORDER BY seq) AS before, {EXPECTED_HASH} AS expected
    FROM (SELECT * FROM mailboxes_event ORDER BY id DESC LIMIT {NEWEST_EVENTS}) AS newest
) AS link
WHERE before <> seq - 1 OR hash <> expected AND (before IS NOT NULL OR seq = 1)
UNION ALL
SELECT 'head of account ' || c.account_id FROM mailboxes_eventcounter c
LEFT JOIN mailboxes_event e ON e.account_id = c.account_id AND e.seq = c.last_seq
WHERE c.last_hash <> coalesce(e.hash, '')
LIMIT 3
"""  # noqa: S608 - ours


def check_role() -> str:
    """The application's role, which owns no table and is no superuser."""
    version = _one("SHOW server_version")
    role = _one("SELECT current_user")
    if _one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        raise Ailment(f"It answers, but {role} is a superuser, whom no guard binds. {GIVEN_ONE_ROLE}")
    owner = _one("SELECT tableowner FROM pg_tables WHERE tablename = 'mailboxes_event'")
    if owner is None:
        raise Ailment(f"It answers, but {role} sees no tables: run manage.py migrate.")
    if owner == role:
        raise Ailment(f"It answers, but {role} owns the tables, so it could rewrite them. {GIVEN_ONE_ROLE}")
    return f"PostgreSQL {version}, connected as {role}"


def check_migrations() -> str:
    """All applied."""
    executor = MigrationExecutor(connection)
    missing = [migration for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if missing:
        raise Ailment(f"{len(missing)} not applied, first {missing[0]}: run manage.py migrate.")
    return "all applied"


def check_guards() -> str:
    """What the database itself must refuse, tried; nothing of it stays."""
    missing = set(TRIGGERS) - _active_triggers()
    if missing:
        raise Ailment(f"Missing or switched off: {', '.join(sorted(missing))}. Run manage.py migrate.")
    for table in APPEND_ONLY_TABLES:
        for change in (f"UPDATE {table} SET id = id WHERE false", f"DELETE FROM {table} WHERE false"):  # noqa: S608 - ours
            _must_be_refused(change)
        if _one(f"SELECT has_table_privilege('{table}', 'TRUNCATE')"):
            raise Ailment(f"This role may empty {table}. {GIVEN_ONE_ROLE}")
    _must_be_refused(FORBIDDEN_ATTEMPT, new_id(), new_id())
    return f"{len(TRIGGERS)} triggers and the rights on {len(APPEND_ONLY_TABLES)} append-only tables are in force"


def check_durability() -> str:
    """What was committed is on the disk."""
    names = ("fsync", "full_page_writes", "synchronous_commit")
    off = [name for name in names if _one(f"SHOW {name}") == "off"]
    if off:
        raise Ailment(f"{' and '.join(off)} off: a crash may lose accepted mail. Switch them on in postgresql.conf.")
    return "fsync, full_page_writes and synchronous_commit are on"


def check_backups() -> str:
    """What the server itself knows of its archive. Other kinds of backup it can't see."""
    if _one("SHOW archive_mode") == "off":
        return "this server archives nothing by itself; make sure that somebody copies it away, and try the copy"
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_archived_time, last_failed_time FROM pg_stat_archiver")
        archived_at, failed_at = cursor.fetchone()
    if failed_at and (archived_at is None or failed_at > archived_at):
        raise Ailment(f"The server's archiver fails, last at {failed_at:%Y-%m-%d %H:%M} UTC: read PostgreSQL's log.")
    return f"the server archives, last at {archived_at:%Y-%m-%d %H:%M} UTC" if archived_at else "nothing archived yet"


def check_event_chains() -> str:
    """No gap and no forgery among the newest events; whoever changes an older one must change all that follow."""
    with connection.cursor() as cursor:
        cursor.execute(BROKEN_CHAINS)
        broken = [told for (told,) in cursor.fetchall()]
    if broken:
        raise Ailment(f"The log was tampered with: {', '.join(broken)}. manage.py verify_audit says more.")
    return f"of the newest {NEWEST_EVENTS:,} events none is missing or rewritten; verify_audit looks at all"


def check_signed_heads() -> str:
    """The heads of the logs are written outside of the database while the logs grow."""
    since, late = heads.unsigned_since(), timedelta(minutes=3 * settings.AUDIT_HEADS_MINUTES)
    if since is not None and since < clock.now() - late:
        folder = settings.AUDIT_HEADS_DIR
        raise Ailment(
            f"Not since {since:%Y-%m-%d %H:%M} UTC, in {folder}: does the worker run, and may it write there?"
        )
    signed_at = heads.newest_at()
    return f"signed at {signed_at:%Y-%m-%d %H:%M} UTC" if signed_at else "nothing signed yet"


def check_clock() -> str:
    """This host and the database agree on the time."""
    apart = (timezone.now() - clock.now()).total_seconds()
    if abs(apart) > MOST_SECONDS_APART:
        raise Ailment(f"This host is {apart:+.1f} s from the database. The database's clock decides; let both use NTP.")
    return f"{apart:+.3f} s from the database's"


def _active_triggers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')")
        return {name for (name,) in cursor.fetchall()}


def _must_be_refused(statement: str, *values: UUID) -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(statement, values)
            transaction.set_rollback(True)
    except DatabaseError as refusal:
        if getattr(refusal.__cause__, "sqlstate", "") in ("42501", "23514"):  # no right, or a trigger's own refusal
            return
        raise
    what = " ".join(statement.split()[:3])
    raise Ailment(f"{what} was not refused to {settings.DATABASES['default']['USER']}. {GIVEN_ONE_ROLE}")


def _one(query: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return row[0] if row else None
