"""The restore epoch: a database that was restored from a backup does not know what has left since, and would send it
again. So it sends nothing until a person has confirmed.

Every claim moves a mark in the database and, once that is committed and before a byte leaves, in a file outside of it.
The file follows the commit, so it is never ahead of its own database, however a process dies; a database whose mark is
behind the file is an older one. Who restores both at once (a snapshot of the whole machine) removes the file by hand:
a database that has sent and finds no file stops as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog
from django.db import connection, transaction

from . import accounts, epoch_file, events, statements
from .audit import heads
from .epoch_file import Stamp
from .models import Epoch

log = structlog.get_logger(__name__)

# The row lock orders the claims: what stands in the file is of a claim that has committed before `earlier`, or is it.
ADVANCE = """
WITH earlier AS (SELECT id, lineage, mark, halted_at FROM mailboxes_epoch FOR UPDATE)
UPDATE mailboxes_epoch AS epoch
SET mark = greatest(clock_timestamp(), earlier.mark + interval '1 microsecond')
FROM earlier WHERE epoch.id = earlier.id
RETURNING earlier.lineage, earlier.mark, earlier.halted_at, epoch.mark
"""
CONFIRM = """
UPDATE mailboxes_epoch
SET mark = greatest(clock_timestamp(), greatest(mark, %(in_file)s) + interval '1 microsecond'),
    halted_at = NULL, halt_reason = ''
WHERE halted_at IS NOT NULL
RETURNING lineage, mark
"""


class DatabaseIsOlder(Exception):
    """Mail has left of which this database does not know; or sending is halted because of that already."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing leaves this server, in plain words, and since when."""

    at: datetime
    reason: str


def may_send(*, now: datetime) -> bool:
    """Whether this database is the newest there is. If not, sending is halted from now on, with an event that says so.

    Asked by whoever is about to claim; the file must be the one of the host that claims.
    """
    difference = ""
    for _ in range(2):  # again: the first claim of an empty database writes row and file anew, perhaps in between
        in_file = epoch_file.read()  # before the row: a claim that commits in between would look like a restore
        row = Epoch.objects.first()
        if row is None:
            _begin()
            return True
        if row.halted_at is not None:
            return False
        stamp = Stamp(row.lineage, row.mark)
        difference = _difference(in_file, stamp)
        if not difference:
            if in_file is None:
                epoch_file.replace(stamp)
            return True
    _halt(difference, now=now)
    return False


def advance() -> None:
    """Move the mark, in the caller's transaction if there is one; the file follows its commit. Raises DatabaseIsOlder.

    Takes the one lock that all claims share: the last statement of a transaction.
    """
    with transaction.atomic(savepoint=False):  # else the lock is gone before the file is read
        found = _advanced()
        if found is None:
            _begin()
            found = _advanced()
            assert found is not None
        lineage, earlier, halted_at, mark = found
        in_file = epoch_file.read()  # no claim commits in between, and the file is never ahead of a commit
        difference = _difference(in_file, Stamp(lineage, earlier))
        if halted_at is not None or difference:
            raise DatabaseIsOlder(difference or "Sending is halted.")
        if in_file is None:
            epoch_file.replace(Stamp(lineage, None))
        transaction.on_commit(lambda: epoch_file.raise_to(Stamp(lineage, mark)))


def find_halt() -> Halt | None:
    """Why nothing leaves, while that is so."""
    row = Epoch.objects.filter(halted_at__isnull=False).first()
    return Halt(row.halted_at, row.halt_reason) if row and row.halted_at else None


def confirm(*, by: str, now: datetime) -> bool:
    """Let sending go on with the database as it is; False if it was not halted. `by` is who answers for it."""
    in_file = epoch_file.read()
    account = accounts.platform().account
    with transaction.atomic():
        # The counter of the log first, as in a claim: the mark is everybody's last lock.
        events.record(account, "platform.restore_confirmed", subject=str(account.pk), data={"by": by}, now=now)
        with connection.cursor() as cursor:
            cursor.execute(CONFIRM, {"in_file": in_file.mark if isinstance(in_file, Stamp) else None})
            found = cursor.fetchone()
        if found is None:
            transaction.set_rollback(True)
            return False
        heads.sign_restart(now=now)
        transaction.on_commit(lambda: epoch_file.replace(Stamp(*found)))
    log.warning("platform.restore_confirmed", by=by)
    return True


def _begin() -> None:
    """The row of a database that has none, which is an empty one; the file is its own from now on."""
    with transaction.atomic():
        row, is_new = Epoch.objects.get_or_create(pk=1, defaults={"lineage": uuid4()})
        if is_new:
            epoch_file.replace(Stamp(row.lineage, row.mark))


def _advanced() -> tuple[Any, ...] | None:
    return next(iter(statements.run(ADVANCE, {})), None)


def _difference(in_file: Stamp | epoch_file.Unreadable | None, here: Stamp) -> str:
    """Why the database is not the one that the file speaks of, as a sentence; empty when it is."""
    path = epoch_file.path()
    if in_file is None and here.mark is None:
        return ""
    if in_file is None:
        return (
            f"The file {path} is missing, which tells that this database is the newest. Either the database was "
            "restored on this host, or DATA_DIR was moved, emptied or not kept."
        )
    if isinstance(in_file, epoch_file.Unreadable):
        return f"The file {path} can't be understood ({in_file.why}): nothing tells that this database is the newest."
    if in_file.lineage != here.lineage:
        return (
            f"The file {path} belongs to another database. Either this database was restored from a backup older than "
            "that file, or DATA_DIR is another instance's."
        )
    if in_file.mark is not None and (here.mark is None or here.mark < in_file.mark):
        return (
            f"The database was restored from a backup: it knows of mail sent until {_told(here.mark)}, and mail has "
            f"left until {_told(in_file.mark)}."
        )
    return ""


def _halt(reason: str, *, now: datetime) -> None:
    account = accounts.platform().account
    with transaction.atomic():
        data = {"reason": reason}
        events.record(account, "platform.sending_halted", subject=str(account.pk), data=data, now=now)
        rows = Epoch.objects.filter(halted_at__isnull=True)
        if not rows.update(halted_at=now, halt_reason=reason):
            transaction.set_rollback(True)
            return
    log.error("platform.sending_halted", reason=reason, remedy="manage.py confirm_restore")


def _told(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else "never"
