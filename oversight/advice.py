"""What a track record speaks for: a rung up, a rung down, or neither; and what is missing for the next rung.

Agents are told codes and their texts; the numbers behind them are for members.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from mailboxes.modes import OversightMode

from .policy import rungs
from .track_record import Numbers, TrackRecord

ALONE = (OversightMode.MONITORED, OversightMode.AUTONOMOUS)
# What agents are told of each code.
TEXTS = {
    "too_few_decisions": "People have not decided on enough of its mail yet.",
    "too_few_sends": "It has not sent enough yet.",
    "too_few_days": "What it has done was done on too few days.",
    "changes": "People changed too much of what it wrote, or gave it back.",
    "rejections": "People rejected mail of it.",
    "bounces": "Too much of its mail bounced.",
    "complaints": "A recipient complained about its mail.",
    "demoted_lately": "It was set back lately.",
    "declined_lately": "A person has declined it lately.",
    "not_sending": "The mailbox is paused, or the account is suspended.",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """One reason for or against a rung: a code for everybody, and the sentence with numbers for members."""

    code: str
    sentence: str

    @property
    def text(self) -> str:
        return TEXTS[self.code]


@dataclass(frozen=True, slots=True)
class Advice:
    """`next_mode` is the rung above, None at the top; `missing` is what speaks against it: nothing, and it is
    suggested. `down_to` is the rung that `against` speaks for; then nothing is suggested upwards."""

    next_mode: OversightMode | None
    missing: tuple[Ground, ...]
    down_to: OversightMode | None
    against: tuple[Ground, ...]

    @property
    def step(self) -> OversightMode | None:
        """The mode to suggest, if any."""
        if self.down_to is not None:
            return self.down_to
        return None if self.missing else self.next_mode


def of(record: TrackRecord, *, now: datetime) -> Advice:
    """What this track record speaks for at this moment."""
    lowest = OversightMode(settings.DEMOTION_LOWEST)
    next_mode, lower = rungs.above(record.mode), rungs.below(record.mode, lowest=lowest)
    against = tuple(_against(record.numbers)) if lower else ()
    is_down = bool(against) and record.is_sending and lower not in record.declined
    return Advice(
        next_mode=next_mode,
        missing=tuple(_missing(record, next_mode, now=now)) if next_mode else (),
        down_to=lower if is_down else None,
        against=against,
    )


def _missing(record: TrackRecord, next_mode: OversightMode, *, now: datetime) -> Iterator[Ground]:
    numbers = record.numbers
    yield from _too_little(record)
    if numbers.rejected:
        yield Ground("rejections", f"{_count(numbers.rejected, 'mail')} rejected: none may be.")
    if _is_over(numbers.changed, numbers.decided, settings.TRUST_MAX_EDIT_PERCENT):
        most = settings.TRUST_MAX_EDIT_PERCENT
        yield Ground("changes", f"{numbers.changed} of {numbers.decided} edited or returned: at most {most} % may be.")
    if numbers.bounced and not _is_under(numbers.bounced, numbers.sent, settings.TRUST_MAX_BOUNCE_PERCENT):
        most = settings.TRUST_MAX_BOUNCE_PERCENT
        yield Ground("bounces", f"{numbers.bounced} of {numbers.sent} bounced: less than {most} % may.")
    if numbers.complained:
        yield Ground("complaints", f"{_count(numbers.complained, 'complaint')}: there may be none.")
    if record.demoted_at and now < record.demoted_at + timedelta(days=settings.TRUST_COOLING_DAYS):
        yield Ground("demoted_lately", f"Set back less than {settings.TRUST_COOLING_DAYS} days ago.")
    if next_mode in record.declined:
        yield Ground("declined_lately", f"Declined less than {settings.TRUST_DECLINED_DAYS} days ago.")
    if not record.is_sending:
        yield Ground("not_sending", TEXTS["not_sending"])


def _too_little(record: TrackRecord) -> Iterator[Ground]:
    """Where it sends by itself, people decide nothing: there its sends are looked at."""
    numbers = record.numbers
    if record.mode in ALONE:
        code, have, need, what = "too_few_sends", numbers.sent, settings.TRUST_MIN_SENDS, "sends taken"
        days = numbers.sent_days
    else:
        code, have, need, what = "too_few_decisions", numbers.decided, settings.TRUST_MIN_DECISIONS, "decisions"
        days = numbers.decided_days
    if have < need:
        yield Ground(code, f"{have} of {need} {what}.")
    if days < settings.TRUST_MIN_DAYS:
        yield Ground("too_few_days", f"On {days} of {settings.TRUST_MIN_DAYS} days.")


def _against(numbers: Numbers) -> Iterator[Ground]:
    most = settings.TRUST_BAD_REJECT_PERCENT
    if numbers.rejected > 1 and _is_over(numbers.rejected, numbers.decided, most):
        yield Ground("rejections", f"{numbers.rejected} of {numbers.decided} decisions are rejections.")
    most = settings.TRUST_BAD_BOUNCE_PERCENT
    if numbers.bounced > 1 and _is_over(numbers.bounced, numbers.sent, most):
        yield Ground("bounces", f"{numbers.bounced} of {numbers.sent} bounced.")
    if numbers.complained:
        yield Ground("complaints", f"{_count(numbers.complained, 'complaint')}.")


def _is_over(part: int, whole: int, percent: Decimal) -> bool:
    return part * 100 > whole * percent


def _is_under(part: int, whole: int, percent: Decimal) -> bool:
    return part * 100 < whole * percent


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
