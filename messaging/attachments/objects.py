"""Objects in storage: written under a name that is known before, opened, removed. Never inside of a transaction.

Whatever a backend raises is told as StorageUnavailable: each has its own exceptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import IO

import structlog
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import transaction

from mailboxes.ids import new_id
from messaging.models import Remnant
from messaging.models.stored_file import folder_of

from .refusals import StorageUnavailable

log = structlog.get_logger(__name__)

# Longer than any write may take: what is older was left by a process that died.
WRITING_FOR = timedelta(hours=1)
TRY_AGAIN_AFTER = timedelta(minutes=5)


def write(content: IO[bytes], *, sha256: str, now: datetime) -> str:
    """The name of a new object with this content. It is a Remnant until `adopt`. Raises StorageUnavailable."""
    # It names no account: as a remnant it may outlive one.
    name = f"{folder_of(sha256)}/{sha256}-{new_id().hex}"
    Remnant.objects.create(name=name, due_at=now + WRITING_FOR)  # committed, since no transaction is open
    try:
        content.seek(0)
        _storage().save(name, File(content, name))
    except Exception as error:
        log.error("attachments.not_written", object=name, error=repr(error))
        give_up(name, now=now)
        raise StorageUnavailable from error
    return name


def adopt(name: str) -> bool:
    """Take a written object out of the remnants, in the transaction that refers to it. False: the sweep has it."""
    return Remnant.objects.filter(name=name, is_given_up=False).delete()[0] > 0


def give_up(name: str, *, now: datetime) -> None:
    """Leave a written object to the sweep, unless it was adopted."""
    Remnant.objects.filter(name=name).update(is_given_up=True, due_at=now)


def open_(name: str) -> IO[bytes]:
    """The object's content, from its beginning. Raises StorageUnavailable, also when it is not there."""
    try:
        opened = _storage().open(name, "rb")
        opened.read(1)  # some fetch only now: what fails must fail before the answer begins
        opened.seek(0)
    except Exception as error:
        log.error("attachments.not_read", object=name, error=repr(error))
        raise StorageUnavailable from error
    return opened


def claim_due(*, limit: int, now: datetime) -> list[str]:
    """The names of objects to remove, claimed for a while: two sweeps never have the same, and nobody adopts them."""
    with transaction.atomic():
        due = Remnant.objects.select_for_update(skip_locked=True).filter(due_at__lte=now).order_by("due_at")
        names = list(due.values_list("name", flat=True)[:limit])
        Remnant.objects.filter(name__in=names).update(is_given_up=True, due_at=now + TRY_AGAIN_AFTER)
    return names


def remove(names: Sequence[str]) -> int:
    """Remove claimed objects; how many are gone. What fails stays a remnant, and is tried again."""
    gone = []
    for name in names:
        try:
            _storage().delete(name)
        except Exception as error:
            log.warning("attachments.not_removed", object=name, error=repr(error))
        else:
            gone.append(name)
    return Remnant.objects.filter(name__in=gone).delete()[0]


def _storage() -> Storage:
    return storages["attachments"]
