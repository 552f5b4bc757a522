"""What is read of raw messages, outside of any transaction: their content, and who really sent them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from messaging.mime import conversation, return_path
from messaging.mime.types import Parsed, Report, ReportKind
from messaging.models import RawMessage

from . import destinations, feedback, parser_process, sender_checks
from .checks import Checks


@dataclass(frozen=True, slots=True)
class Reading:
    """A raw message and what was read of it."""

    row: RawMessage
    parsed: Parsed
    checks: Checks

    @property
    def sender(self) -> str:
        """The author's address, or "" unless everybody reads the same one."""
        return self.parsed.header_from.address if self.parsed.header_from else ""

    @property
    def references(self) -> tuple[str, ...]:
        """The ids that this mail answers, nearest last (RFC 5322 section 3.6.4)."""
        nearest, others = self.parsed.in_reply_to, self.parsed.references
        return others if nearest is None else (*(other for other in others if other != nearest), nearest)

    @property
    def subject_key(self) -> str:
        return conversation.normalize_subject(self.parsed.subject)

    @property
    def people(self) -> tuple[str, ...]:
        """Author and visible recipients."""
        return (self.sender, *(one.address for one in (*self.parsed.to, *self.parsed.cc)))


def read_all(rows: Sequence[RawMessage]) -> list[Reading]:
    """What can be read of each mail. What can't is a defect of its reading, or a result of its checks."""
    parsed = parser_process.parse_all([bytes(row.raw) for row in rows])
    checks = sender_checks.check_all(list(zip(rows, parsed, strict=True)))
    return [Reading(*one) for one in zip(rows, parsed, checks, strict=True)]


def proved_report(reading: Reading, *, now: datetime) -> Report | None:
    """The report this mail is, with a token that we made; None for anything else, which is a mail like any other.

    The token stands in the envelope recipient; for a complaint it may stand in the returned original instead.
    """
    report, recipient = reading.parsed.report, reading.row.envelope_recipient
    if report is None:
        return None
    if destinations.feedback_about(recipient, now=now):
        return replace(report, token=return_path.find_token(recipient))
    is_proved = report.kind == ReportKind.COMPLAINT and feedback.recipient_of(report, now=now) is not None
    return report if is_proved else None
