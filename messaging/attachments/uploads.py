"""From a file that was taken in to an attachment: first the object, then the rows that refer to it.

What is written and then not used (a refusal, a crash, somebody else's upload of the same content) is a remnant.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from django.db import transaction

from mailboxes import events
from mailboxes.models import Account
from messaging.models import Attachment

from . import contents, objects
from .contents import NotStored
from .incoming import Incoming
from .refusals import StorageUnavailable

log = structlog.get_logger(__name__)

TRIES = 3
T = TypeVar("T")
Add = Callable[[], Attachment]


def upload(account: Account, incoming: Incoming, *, now: datetime) -> Attachment:
    """A new attachment that no message has yet; committed on return. Raises StorageFull or StorageUnavailable."""
    return upload_within(account, incoming, commit=lambda add: add(), now=now)


def upload_within(account: Account, incoming: Incoming, *, commit: Callable[[Add], T], now: datetime) -> T:
    """As `upload`; `commit` is given the step that adds the rows, and does it or not in a transaction of its own."""
    for _ in range(TRIES):
        name = _written(account, incoming, now=now)
        try:
            return commit(partial(_add, account, incoming, name=name, now=now))
        except NotStored:
            continue  # somebody has deleted the last attachment with this content meanwhile
        finally:
            if name is not None:
                _leave(name, now=now)
    raise StorageUnavailable


def _written(account: Account, incoming: Incoming, *, now: datetime) -> str | None:
    """The new object, or None where the content is stored already."""
    if contents.is_stored(account.pk, incoming.sha256):
        return None
    contents.check_room(account, incoming.size_bytes, now=now)
    return objects.write(incoming.content, sha256=incoming.sha256, now=now)


def _add(account: Account, incoming: Incoming, *, name: str | None, now: datetime) -> Attachment:
    with transaction.atomic():
        contents.keep(account, incoming, name=name, now=now)
        attachment = Attachment.objects.create(
            account=account,
            filename=incoming.filename,
            content_type=incoming.content_type,
            size_bytes=incoming.size_bytes,
            sha256=incoming.sha256,
            created_at=now,
        )
        data = {"attachment_id": str(attachment.pk), "size_bytes": incoming.size_bytes}
        events.record(account, "attachment.uploaded", subject=str(attachment.pk), data=data, now=now)
    return attachment


def _leave(name: str, *, now: datetime) -> None:
    """Give the object up unless it was adopted. Only a help: it is due after a while in any case."""
    try:
        objects.give_up(name, now=now)
    except Exception:  # must not hide the answer, or the error that is on its way
        log.warning("attachments.not_given_up", object=name, exc_info=True)
