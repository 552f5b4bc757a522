"""A rung up or down is suggested where the track record speaks for it. People take it or leave it; nothing rises alone.

Made by a sweep, which looks at one mailbox after the other; told once (`trust_notices`), and void with the mode that it
was made for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from mailboxes import events
from mailboxes.errors import Conflict, Forbidden, NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Mailbox, Member
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal, of_member

from . import advice, track_record, trust
from .models import Suggestion, SuggestionState
from .policy import rungs
from .track_record import TrackRecord
from .trust import NewTerms

AT_ONCE = 200


def look(*, now: datetime) -> int:
    """Look at every mailbox on the ladder; how many new suggestions. Any number of workers may do so at once."""
    made = 0
    for part in _parts():
        records = track_record.of(part, now=now)
        standing = {one.mailbox_id: one for one in _open(part)}
        for pk, record in records.items():
            step, old = advice.of(record, now=now).step, standing.get(pk)
            if old is None and step is None:
                continue
            if old is not None and step == old.to_mode and _is_of_this_term(old, record):
                continue
            made += _replace(record, step, now=now)
    return made


def standing(mailbox_ids: Sequence[UUID]) -> dict[UUID, Suggestion]:
    """What is suggested for each of these mailboxes as they stand: at most one."""
    began = Coalesce("mailbox__mode_since", "mailbox__created_at")
    valid = _open(mailbox_ids).filter(from_mode=F("mailbox__mode"), made_at__gte=began)
    return {one.mailbox_id: one for one in valid}


def accept(member: Member, suggestion_id: object, *, has_proved: bool, now: datetime) -> Suggestion:
    """Set the mode that is suggested, as this member; `has_proved` that it is them, which to let it climb takes.

    Raises as `trust.set_by_person`, and Conflict (suggestion_over).
    """
    with transaction.atomic():
        found = _lock(member, suggestion_id)
        _end(found, SuggestionState.ACCEPTED, member=member, now=now)
        box = found.mailbox
        floor = OversightMode(box.floor) if box.floor else None
        asked = NewTerms(OversightMode(found.to_mode), floor, seen=found.from_mode, reason="suggested")
        trust.set_by_person(member, box.pk, asked, has_proved=has_proved, now=now)
        _record(found, "trust.accepted", by=f"member:{member.pk}", now=now)
    return found


def decline(member: Member, suggestion_id: object, *, now: datetime) -> Suggestion:
    """Leave the mode as it is; the same is not suggested again for TRUST_DECLINED_DAYS. Raises as `accept`."""
    with transaction.atomic():
        found = _lock(member, suggestion_id)
        if not member.may_manage:
            raise Forbidden("Only an owner or admin answers a suggestion.", code="not_manager", fix="Ask one of them.")
        _end(found, SuggestionState.DECLINED, member=member, now=now)
        _record(found, "trust.declined", by=f"member:{member.pk}", now=now)
    return found


def mailbox_of(actor: Principal, suggestion_id: object) -> Mailbox:
    """The mailbox that a suggestion is, or was, about. Raises NotFound."""
    parsed = parse_id(suggestion_id)
    mine = Suggestion.objects.filter(account=actor.account).values_list("mailbox_id", flat=True)
    mailbox_id = mine.filter(pk=parsed).first() if parsed else None
    if mailbox_id is None:
        raise NotFound("suggestion")
    return actor.get_mailbox(mailbox_id)


def _parts() -> Iterator[list[UUID]]:
    """The mailboxes on the ladder, some at a time, in the order of their ids."""
    rows = Mailbox.objects.filter(
        Q(mode__in=[mode.value for mode in rungs.RUNGS]),
        deleted_at__isnull=True,
        account__is_platform=False,
        account__test_of__isnull=True,
        account__departed_at__isnull=True,
    ).order_by("pk")
    part = list(rows.values_list("pk", flat=True)[:AT_ONCE])
    while part:
        yield part
        part = list(rows.filter(pk__gt=part[-1]).values_list("pk", flat=True)[:AT_ONCE])


def _open(mailbox_ids: Sequence[UUID]) -> QuerySet[Suggestion]:
    return Suggestion.objects.filter(mailbox__in=mailbox_ids, state=SuggestionState.OPEN)


def _is_of_this_term(old: Suggestion, record: TrackRecord) -> bool:
    return old.from_mode == record.mode and old.made_at >= record.term_since


def _replace(record: TrackRecord, step: OversightMode | None, *, now: datetime) -> bool:
    """End what was suggested, and suggest the step instead; whether there is one now."""
    with transaction.atomic():
        [(mode, account_id)] = (
            Mailbox.objects.select_for_update(no_key=True)
            .filter(pk=record.mailbox_id)
            .values_list("mode", "account_id")
        )
        _open([record.mailbox_id]).update(state=SuggestionState.LAPSED, ended_at=now)
        if step is None or mode != record.mode:  # a person was faster: the next look sees it
            return False
        made = Suggestion.objects.create(
            account_id=account_id,
            mailbox_id=record.mailbox_id,
            from_mode=record.mode,
            to_mode=step,
            record=record.numbers.as_json(),
            made_at=now,
            told_at=_told_of_it(record, step, now=now),
        )
        _record(made, "trust.suggested", by="track record", now=now)
    return True


def _told_of_it(record: TrackRecord, step: OversightMode, *, now: datetime) -> datetime | None:
    """When people were last told of the same step, of late: one that comes and goes is told once."""
    since = now - timedelta(days=settings.TRUST_DECLINED_DAYS)
    same = Suggestion.objects.filter(mailbox=record.mailbox_id, made_at__gt=since, told_at__isnull=False)
    same = same.filter(from_mode=record.mode, to_mode=step).order_by("-made_at")
    return same.values_list("told_at", flat=True).first()


def _lock(member: Member, suggestion_id: object) -> Suggestion:
    """The open suggestion, its mailbox locked before it, as everybody does who changes a mode."""
    box = mailbox_of(of_member(member), suggestion_id)
    [_] = Mailbox.objects.select_for_update(no_key=True).filter(pk=box.pk)
    found = standing([box.pk]).get(box.pk)
    if found is None or found.pk != parse_id(suggestion_id):
        raise Conflict("This is not suggested any more.", code="suggestion_over", fix="Look again.")
    found.mailbox = box
    return found


def _end(found: Suggestion, state: SuggestionState, *, member: Member, now: datetime) -> None:
    found.state, found.ended_at, found.ended_by = state, now, member
    found.save(update_fields=["state", "ended_at", "ended_by"])


def _record(found: Suggestion, kind: str, *, by: str, now: datetime) -> None:
    data = {"suggestion_id": str(found.pk), "from": found.from_mode, "to": found.to_mode, "by": by}
    events.record(
        found.account_id, kind, subject=str(found.mailbox_id), data=data, now=now, mailbox_id=found.mailbox_id
    )
