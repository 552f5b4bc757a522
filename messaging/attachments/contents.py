"""Which contents an account has stored: each once, counted in its storage as long as an attachment has it.

All in the caller's transaction. Lock order: attachment → stored file → usage → event counter.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from mailboxes import quotas
from mailboxes.errors import LimitReached
from mailboxes.ids import new_id
from mailboxes.models import Account, LimitKind
from messaging.models import Attachment, StoredFile

from . import objects
from .incoming import Incoming
from .refusals import StorageFull

# Whoever waited for another's row of the same content goes on without one, and finds that one.
KEEP = """
INSERT INTO messaging_storedfile (id, account_id, sha256, size_bytes, name, created_at)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (account_id, sha256) DO NOTHING
"""


class NotStored(Exception):
    """The content is not there: it was given up since it was last seen, or the sweep has taken the new object."""


def is_stored(account_id: UUID, sha256: str) -> bool:
    """Whether the account has the content, by the last look."""
    return StoredFile.objects.filter(account_id=account_id, sha256=sha256).exists()


def check_room(account: Account, size_bytes: int, *, now: datetime) -> None:
    """Refuse what has no room, before it is written. Who takes the room last is decided by `keep`."""
    limit = quotas.limits_of(account)[LimitKind.STORAGE_BYTES]
    used = quotas.used([account.pk], LimitKind.STORAGE_BYTES, now=now).get(account.pk, 0)
    if limit and used + size_bytes > limit:
        raise StorageFull


def keep(account: Account, incoming: Incoming, *, name: str | None, now: datetime) -> None:
    """Make sure that the content is stored, and counted: as it is already, or as the object `name`.

    Raises StorageFull; NotStored when it is not there and no object was written.
    """
    if _hold(account.pk, incoming.sha256):
        return
    if name is None:
        raise NotStored
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [new_id(), account.pk, incoming.sha256, incoming.size_bytes, name, now])
        is_ours = cursor.rowcount == 1
    if not is_ours:
        if not _hold(account.pk, incoming.sha256):
            raise NotStored
        return
    if not objects.adopt(name):
        raise NotStored
    try:
        quotas.take(account, LimitKind.STORAGE_BYTES, incoming.size_bytes, now=now)
    except LimitReached as error:
        raise StorageFull from error


def give_up(account_id: UUID, sha256s: Iterable[str]) -> int:
    """Forget those contents that no attachment has any more, and give their bytes back; how many bytes.

    The rows are locked before anybody looks for attachments: of two who delete the last two, the second sees none.
    """
    stored = StoredFile.objects.select_for_update().filter(account_id=account_id, sha256__in=set(sha256s))
    found = list(stored.order_by("sha256"))
    kept = set(
        Attachment.objects.filter(
            account_id=account_id, sha256__in=[one.sha256 for one in found], part_index__isnull=True
        ).values_list("sha256", flat=True)
    )
    unused = [one for one in found if one.sha256 not in kept]
    if not unused:
        return 0
    StoredFile.objects.filter(pk__in=[one.pk for one in unused]).delete()
    freed = sum(one.size_bytes for one in unused)
    give_back(account_id, freed)
    return freed


def give_back(account_id: UUID, size_bytes: int) -> None:
    """Count so many bytes less: a stock knows no periods."""
    counter = quotas.Counter(LimitKind.STORAGE_BYTES, account_id)
    quotas.give_back(counter, size_bytes, taken_at=quotas.EPOCH)


def _hold(account_id: UUID, sha256: str) -> bool:
    """Whether the content is there, and stays until the end of the transaction."""
    held = StoredFile.objects.select_for_update(no_key=True).filter(account_id=account_id, sha256=sha256)
    return held.values_list("pk", flat=True).first() is not None
