"""What waits for a person's leave, and what became of the last requests, as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from mailboxes.models import Member
from oversight import permits
from oversight.models import Permit, PermitState

from .visit import Visit

MOST_WAITING = 200
MOST_PAST = 50
MEMBER = "member:"


@dataclass(frozen=True, slots=True)
class Row:
    """One request, or one act that was done without. `outcome` is empty while it waits."""

    id: UUID
    title: str
    details: list[str]
    agent: str
    prefix: str
    asked_at: datetime
    expires_at: datetime
    outcome: str = ""
    icon: str = ""
    at: datetime | None = None


def waiting(visit: Visit) -> list[Row]:
    """What a person may allow or refuse now, newest first."""
    found = permits.waiting(visit.member.account_id, now=visit.now)
    return [_row(one) for one in found[:MOST_WAITING]]


def get_waiting(visit: Visit, permit_id: UUID) -> Row:
    """One of them. Raises NotFound for any other."""
    return _row(permits.get_waiting(visit.member.account_id, permit_id, now=visit.now))


def past(visit: Visit) -> list[Row]:
    """What does not wait any more, newest first."""
    waits = Q(state=PermitState.WAITING, expires_at__gt=visit.now)
    mine = Permit.objects.filter(account_id=visit.member.account_id).exclude(waits)
    found = list(mine.select_related("key", "key__agent").order_by("-asked_at")[:MOST_PAST])
    names = _names(visit, found)
    return [_row(one, *_outcome(one, names.get(one.ended_by, "somebody"), now=visit.now)) for one in found]


def _names(visit: Visit, found: Sequence[Permit]) -> dict[str, str]:
    ids = {one.ended_by.removeprefix(MEMBER) for one in found if one.ended_by.startswith(MEMBER)}
    people = Member.objects.filter(account_id=visit.member.account_id, pk__in=ids).select_related("user")
    return {f"{MEMBER}{one.pk}": one.user.name or one.user.email for one in people}


def _outcome(permit: Permit, who: str, *, now: datetime) -> tuple[str, str]:
    is_by_person = permit.ended_by.startswith(MEMBER)
    match permit.state:
        case PermitState.DONE:
            return "Done at once: nobody had to be asked", "check"
        case PermitState.USED:
            return f"Allowed by {who}, and done" if is_by_person else "Done with the code from the mail", "check-check"
        case PermitState.GRANTED if permit.expires_at > now:
            return f"Allowed by {who}; the agent has not come back for it yet", "hourglass"
        case PermitState.GRANTED:
            return f"Allowed by {who}, and never done", "clock"
        case PermitState.REFUSED:
            return f"Refused by {who}" if is_by_person else "Ended by too many wrong codes", "ban"
        case PermitState.REPLACED:
            return "A newer request took its place", "arrow-right"
    return "Nobody answered in time", "clock"


def _row(permit: Permit, outcome: str = "", icon: str = "") -> Row:
    title, *details = permit.lines
    agent = permit.key.agent.name if permit.key and permit.key.agent else ""
    return Row(
        id=permit.pk,
        title=title[:1].upper() + title[1:],
        details=details,
        agent=agent,
        prefix=permit.key.prefix if permit.key else "",
        asked_at=permit.asked_at,
        expires_at=permit.expires_at,
        outcome=outcome,
        icon=icon,
        at=permit.ended_at,
    )
