"""When the words of `notices` are mailed: soon after what they tell of, by a sweep.

The transaction of that writes only that they are due. Else it would lock the counter of the account and then the
house's own, and two of them could wait for one another.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.dispatch import receiver

from mailboxes import oversight_address
from mailboxes.errors import Problem
from mailboxes.models import Event
from mailboxes.signals import event_recorded
from messaging import wakeup
from messaging.mime.refusals import Refused

from .models import DueNotice
from .notices import NOTICES, TO_WHOEVER_IT_WAS

TELL = "oversight.tell_people"
AT_ONCE = 100
TRIES = 8
FIRST_PAUSE = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@receiver(event_recorded)
def on_event_recorded(*, event: Event, **_: object) -> None:
    if event.kind in NOTICES:
        address = oversight_address.find(event.account) or "" if event.kind in TO_WHOEVER_IT_WAS else ""
        DueNotice.objects.create(
            event_id=event.pk, account_id=event.account_id, due_at=event.created_at, address=address
        )
        wakeup.ring(TELL)


def send_due(*, now: datetime) -> int:
    """Mail what is due; how many words were told. Any number of workers may do so at once."""
    due = DueNotice.objects.filter(due_at__lte=now).order_by("due_at", "event_id").values_list("pk", flat=True)
    return sum(_send(pk, now=now) for pk in list(due[:AT_ONCE]))


def _send(pk: UUID, *, now: datetime) -> bool:
    with transaction.atomic():
        notice = DueNotice.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if notice is None:  # another worker's
            return False
        try:
            with transaction.atomic():
                _tell(notice)
        except (Problem, Refused, ObjectDoesNotExist) as error:  # may not be mailed, or is of what was erased since
            log.error("notices.unmailed", event_id=str(pk), error=str(error))
        except Exception:  # a defect of ours: another release may know better
            notice.failures_count += 1
            log.exception("notices.failed", event_id=str(pk), failures=notice.failures_count)
            if notice.failures_count < TRIES:
                notice.due_at = now + FIRST_PAUSE * 2**notice.failures_count
                notice.save(update_fields=["due_at", "failures_count"])
                return False
        notice.delete()
    return True


def _tell(notice: DueNotice) -> None:
    event = Event.objects.filter(account_id=notice.account_id, pk=notice.event_id).first()
    if event is not None:
        NOTICES[event.kind](event)
