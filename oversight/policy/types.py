"""Values of the policy: what it is asked, what it answers, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from mailboxes.modes import OversightMode


class Outcome(StrEnum):
    """ALLOW: may leave without a human. HOLD: waits for one. REFUSE: never leaves. Strictest wins."""

    ALLOW = "allow"
    HOLD = "hold"
    REFUSE = "refuse"

    @property
    def strictness(self) -> int:
        return list(Outcome).index(self)


class Result(StrEnum):
    """What a rule found. CLEARED: it applied and lets the message pass. NOT_APPLICABLE: it had nothing to say."""

    MATCHED = "matched"
    CLEARED = "cleared"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class File:
    """A file that would leave with the message."""

    name: str
    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the policy may look at. Gathered once, before the evaluation, by `oversight.facts`.

    `reply_to` is where answers would go instead of to the mailbox, or "".
    """

    mode: OversightMode
    mailbox_mode: OversightMode
    recipients: tuple[str, ...]
    is_reply: bool = False
    is_platform_mail: bool = False
    reply_to: str = ""
    files: tuple[File, ...] = ()

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the trace: what one rule in one version found, and what it asks for."""

    rule: str
    version: int
    result: Result
    outcome: Outcome | None = None
    code: str = ""
    text: str = ""
    fix: str = ""

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy's answer. `code`, `text` and `fix` are of the finding that decided; `trace` has every rule's."""

    outcome: Outcome
    code: str
    text: str
    trace: tuple[Finding, ...]
    fix: str = ""
