"""How mailboxes stand on the ladder, for the page and for the API: three statements, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode

from . import advice, demotions, suggestions, track_record
from .advice import Advice
from .models import Demotion, Suggestion
from .policy import rungs
from .track_record import TrackRecord


@dataclass(frozen=True, slots=True)
class Report:
    """One mailbox: what it has done, what that speaks for, what is suggested, what was taken back lately."""

    mailbox: Mailbox
    record: TrackRecord
    advice: Advice
    suggestion: Suggestion | None
    demotions: tuple[Demotion, ...]

    @property
    def is_up(self) -> bool:
        """Whether what is suggested is freer than now."""
        step = self.suggestion
        return step is not None and rungs.is_freer(OversightMode(step.to_mode), OversightMode(step.from_mode))


def of(boxes: Sequence[Mailbox], *, now: datetime) -> list[Report]:
    """In the order given. A mailbox that is being deleted at this moment is left out."""
    ids = [box.pk for box in boxes]
    records = track_record.of(ids, now=now)
    suggested, taken = suggestions.standing(ids), demotions.lately(ids)
    return [
        Report(box, record, advice.of(record, now=now), suggested.get(box.pk), tuple(taken[box.pk]))
        for box in boxes
        if (record := records.get(box.pk))
    ]
