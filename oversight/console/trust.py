"""What the trust pages ask and say: agents with their mailboxes, a record in words and as a bar, choices of modes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from mailboxes.errors import NotFound
from mailboxes.ids import parse_id
from mailboxes.models import Agent, Mailbox
from mailboxes.modes import OversightMode
from mailboxes.principals import Principal
from oversight import suggestions, track_record
from oversight.models import Suggestion
from oversight.policy import rungs
from oversight.track_record import Numbers, TrackRecord

MOST_SHOWN = 3  # mailboxes of one agent in the list of agents
READ_MOST = 100  # decisions and sends of each, there
WIDTH = 100
MODES = {
    OversightMode.READ_ONLY: "Sends nothing.",
    OversightMode.GATED_ALL: "Everything waits for a person, received mail too.",
    OversightMode.GATED_SEND: "What it sends waits for a person.",
    OversightMode.MONITORED: "Sends by itself; people are sent a copy.",
    OversightMode.AUTONOMOUS: "Sends by itself.",
}
FLOORS = {
    "": "No floor",
    OversightMode.GATED_SEND: "Waits for a person",
    OversightMode.READ_ONLY: "Never leaves",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One mailbox in the list of agents."""

    mailbox: Mailbox
    rate: str
    last_send_at: datetime | None
    suggestion: Suggestion | None


@dataclass(frozen=True, slots=True)
class AgentCard:
    """One agent with the first of its mailboxes; `more` are not shown."""

    agent: Agent
    key_count: int
    lines: tuple[Line, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the bar: where it begins and how wide it is, of WIDTH."""

    css: str
    label: str
    count: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One mode, or one floor, that a form offers."""

    value: str
    label: str
    text: str = ""
    is_current: bool = False


def agents(actor: Principal) -> QuerySet[Agent]:
    """The account's agents, oldest first, with the number of their keys that open something."""
    is_alive = Q(keys__revoked_at__isnull=True) & Q(keys__pk__isnull=False)
    counted = Agent.objects.filter(account=actor.account).annotate(key_count=Count("keys", filter=is_alive))
    return counted.order_by("created_at", "id")


def get_agent(actor: Principal, agent_id: object) -> Agent:
    parsed = parse_id(agent_id)
    found = agents(actor).filter(pk=parsed).first() if parsed else None
    if found is None:
        raise NotFound("agent")
    return found


def cards(actor: Principal, found: Sequence[Agent], *, now: datetime) -> list[AgentCard]:
    """Three statements, however many agents there are."""
    numbered = actor.mailboxes().annotate(
        place=Window(RowNumber(), partition_by="agent_id", order_by=[F("created_at"), F("pk")]),
        total=Window(Count("pk"), partition_by="agent_id"),
    )
    boxes = list(numbered.filter(agent__in=found, place__lte=MOST_SHOWN).order_by("created_at", "pk"))
    ids = [box.pk for box in boxes]
    records, suggested = track_record.of(ids, now=now, most=READ_MOST), suggestions.standing(ids)
    lines: defaultdict[UUID | None, list[Line]] = defaultdict(list)
    totals: dict[UUID | None, int] = {}
    for box in boxes:
        totals[box.agent_id] = box.total
        if record := records.get(box.pk):
            line = Line(box, rate(record), record.last_send_at, suggested.get(box.pk))
            lines[box.agent_id].append(line)
    return [
        AgentCard(one, one.key_count, tuple(lines[one.pk]), totals.get(one.pk, 0) - len(lines[one.pk]))  # type: ignore[attr-defined]  # annotated
        for one in found
    ]


def mailboxes_of(actor: Principal, agent: Agent) -> QuerySet[Mailbox]:
    return actor.mailboxes().filter(agent=agent).order_by("created_at", "id")


def rate(record: TrackRecord) -> str:
    """How much of what people looked at left as it was written."""
    numbers = record.numbers
    if not numbers.decided:
        return "Nothing decided yet" if record.mode in rungs.RUNGS[:2] else "Sends by itself"
    return f"{numbers.clean * 100 // numbers.decided} % approved as written ({numbers.clean} of {numbers.decided})"


def sentences(record: TrackRecord) -> list[str]:
    """The record in words, for people."""
    numbers = record.numbers
    said = []
    if numbers.decided:
        told = [f"{numbers.clean} of {numbers.decided} approved as written"]
        told += _named(numbers, "edited", "returned", "rejected")
        said.append(", ".join(told) + ".")
    else:
        said.append("No decisions on mail that its mode held.")
    if numbers.expired:
        said.append(f"{numbers.expired} expired undecided.")
    if numbers.median_seconds is not None:
        said.append(f"Half of them were decided within {_span(numbers.median_seconds)}.")
    if numbers.sent:
        complaints = "1 complaint" if numbers.complained == 1 else f"{numbers.complained or 'no'} complaints"
        said.append(f"{numbers.sent} sends taken by mail servers, {numbers.bounced or 'none'} bounced, {complaints}.")
    return said


def bar(numbers: Numbers) -> list[Part]:
    """How the decisions ended, side by side."""
    pieces = [
        ("bar-ok", "Approved as written", numbers.clean),
        ("bar-info", "Edited", numbers.edited),
        ("bar-warn", "Returned", numbers.returned),
        ("bar-danger", "Rejected", numbers.rejected),
        ("bar-neutral", "Expired", numbers.expired),
    ]
    total = sum(count for _, _, count in pieces)
    parts, start = [], 0.0
    for css, label, count in pieces:
        if count:
            width = round(WIDTH * count / total, 2)
            parts.append(Part(css, label, count, round(start, 2), width))
            start += width
    return parts


def modes(box: Mailbox, *, is_freer: bool) -> list[Choice]:
    """The modes on one side of the present one, and the present one."""
    now = OversightMode(box.mode)
    found = [mode for mode in OversightMode if mode == now or rungs.is_freer(mode, now) == is_freer]
    return [Choice(mode, mode.value, MODES[mode], is_current=mode == now) for mode in found]


def floors(box: Mailbox, *, is_freer: bool) -> list[Choice]:
    """As `modes`, of floors: none is the freest."""
    strictness = {floor: _strictness(floor) for floor in {**FLOORS, (box.floor or ""): ""}}
    now = box.floor or ""
    order = sorted(strictness, key=lambda floor: strictness[floor])
    found = [one for one in order if one == now or (strictness[one] < strictness[now]) == is_freer]
    return [Choice(one, FLOORS.get(one, one), is_current=one == now) for one in found]


def _strictness(floor: str) -> int:
    return OversightMode(floor).strictness if floor else -1


def _named(numbers: Numbers, *names: str) -> Iterable[str]:
    return [f"{count} {name}" for name in names if (count := getattr(numbers, name))]


def _span(seconds: int) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "a minute"
