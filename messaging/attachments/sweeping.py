"""What nobody needs any more: objects without a row, files that were never sent, contents without an attachment.

Any number of processes may sweep at once, and beside uploads and sends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from messaging import shutdown
from messaging.models import Attachment, StoredFile

from . import contents, deletion, objects

BATCH = 200


def remove_remnants(*, now: datetime) -> int:
    """Remove the objects in storage that are due; how many are gone."""
    return _in_batches(lambda: _remove_some(now=now))


def forget_unsent(*, now: datetime) -> int:
    """Delete the files that no message has had for UNSENT_FILE_HOURS; how many."""
    return _in_batches(lambda: _forget_some(now=now))


def give_up_unused() -> int:
    """Give back the contents whose attachments went with their messages, past `deletion`; how many bytes."""
    return _in_batches(_give_up_some)


def _in_batches(sweep: Callable[[], tuple[int, int]]) -> int:
    """Sweep until less is found than a batch holds, or nothing can be done about what is found."""
    done = 0
    while not shutdown.is_asked():
        found_count, done_count = sweep()
        done += done_count
        if found_count < BATCH or not done_count:
            break
    return done


def _remove_some(*, now: datetime) -> tuple[int, int]:
    names = objects.claim_due(limit=BATCH, now=now)
    return len(names), objects.remove(names)


def _forget_some(*, now: datetime) -> tuple[int, int]:
    until = now - timedelta(hours=settings.UNSENT_FILE_HOURS)
    done = 0
    unsent = Attachment.objects.filter(message__isnull=True, created_at__lt=until)
    found = list(unsent.order_by("created_at")[:BATCH])
    for account_id, its in groupby(sorted(found, key=attrgetter("account_id")), key=attrgetter("account_id")):
        with transaction.atomic():
            # A send that takes one of them at this moment keeps it: its row is locked, and then looked at again.
            locked = unsent.select_for_update(skip_locked=True).filter(pk__in=[file.pk for file in its])
            files = list(locked.order_by("pk"))
            done += deletion.forget(account_id, [file.pk for file in files])
            deletion.record(account_id, files, by="platform", now=now)
    return len(found), done


def _give_up_some() -> tuple[int, int]:
    users = Attachment.objects.filter(
        account_id=OuterRef("account_id"), sha256=OuterRef("sha256"), part_index__isnull=True
    )
    unused = StoredFile.objects.filter(~Exists(users)).order_by("account_id")
    found = list(unused.values_list("account_id", "sha256")[:BATCH])
    freed = 0
    for account_id, its in groupby(found, key=lambda one: one[0]):
        with transaction.atomic():
            freed += contents.give_up(account_id, [sha256 for _, sha256 in its])
    return len(found), freed
