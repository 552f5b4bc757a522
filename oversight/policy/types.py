"""Values of the policy: what it is asked, what it answers, and why."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
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
    """What a rule found. CLEARED: it applied and lets the message pass. NOT_MATCHED: it looked, and has nothing against
    it. NOT_APPLICABLE: it could not look, since what it asks for is not known of this message."""

    MATCHED = "matched"
    CLEARED = "cleared"
    NOT_MATCHED = "not_matched"
    NOT_APPLICABLE = "not_applicable"


class Scope(StrEnum):
    """Whose rules they are: an account's hold for all its mailboxes, a mailbox's beside them for itself."""

    ACCOUNT = "account"
    MAILBOX = "mailbox"


class Risk(StrEnum):
    """How much harm a message could do. HIGH asks for a second step of whoever approves it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def weight(self) -> int:
        return list(Risk).index(self)


class Provenance(StrEnum):
    """What made the agent send, as it says: a person's turn, its schedule, a received mail, or nothing said.

    UNKNOWN is the least trusted, and treated as INBOUND.
    """

    HUMAN = "human"
    SCHEDULE = "schedule"
    INBOUND = "inbound"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class File:
    """A file that would leave with the message."""

    name: str
    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money in the text. `currency` is ISO 4217, or "" where only a bare sign was there."""

    value: Decimal
    currency: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the message. `host` is where it leads, in A-labels; `problems` are of LINK_PROBLEMS."""

    text: str
    host: str
    problems: tuple[str, ...] = ()


LINK_PROBLEMS = ("look_alike", "text_differs", "mixed_script", "ip_address", "shortener", "not_https")


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that should not leave: its kind and where it stands. Never the thing itself."""

    kind: str
    where: str


SECRET_KINDS = ("own_key", "api_key", "private_key", "card_number", "iban", "password")


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the policy may look at. Gathered once, before the evaluation, by `oversight.facts`.

    None means "not looked at": a rule that asks for it is not applicable. Addresses are canonical, and of all envelope
    recipients: to, cc and bcc. `text` is what a reader sees (subject, text, visible text of the HTML); it is not kept
    with the verdict. `reply_to` is where answers would go instead of to the mailbox, or "". `is_mode_asked`: the
    message itself named its mode, be it the mailbox's own.
    """

    mode: OversightMode
    mailbox_mode: OversightMode
    recipients: tuple[str, ...]
    is_reply: bool = False
    is_platform_mail: bool = False
    reply_to: str = ""
    files: tuple[File, ...] = ()
    # Who made it send, and the mailbox's floor for that ("" = none).
    provenance: Provenance = Provenance.UNKNOWN
    trigger_id: str = ""
    floor: str = ""
    asked_at: datetime | None = None
    text: str | None = None
    # Recipients that the account never wrote to and never heard from.
    first_contacts: tuple[str, ...] | None = None
    # Of this mailbox within the last hour, this message's included: distinct addresses never written to before.
    new_recipients_hour: int | None = None
    # Of this mailbox, this message's recipients included.
    recipients_hour: int | None = None
    recipients_day: int | None = None
    # Recipients of a reply that take no part in its thread.
    outside_thread: tuple[str, ...] | None = None
    # Recipients that come from the Reply-To of the mail that is answered, where its domain is not that of its From.
    redirected: tuple[str, ...] | None = None
    # The From of the mail that is answered, proven by DMARC: None where nothing is answered.
    is_parent_authenticated: bool | None = None
    # Of a reply: what this mailbox sent in its thread within the last hour, this one included, and how much may be.
    thread_sends_hour: int | None = None
    thread_sends_most: int | None = None
    amounts: tuple[Amount, ...] | None = None
    links: tuple[Link, ...] | None = None
    secrets: tuple[Secret, ...] | None = None
    # The id of a message with the same recipients and content within the last 60 seconds, "" where there is none.
    duplicate_of: str | None = None
    is_mode_asked: bool = False
    # More text than detectors look at: what they did not find may stand there all the same.
    is_cut: bool = False

    def as_json(self) -> dict[str, object]:
        """What is kept beside the verdict: everything but the text, None left out."""
        kept = {name: value for name, value in asdict(self).items() if name != "text" and value is not None}
        if self.asked_at is not None:
            kept["asked_at"] = self.asked_at.isoformat()
        if self.amounts is not None:
            kept["amounts"] = [{**asdict(amount), "value": str(amount.value)} for amount in self.amounts]
        return kept


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the trace: what one rule in one version found, and what it asks for.

    `text` and `fix` are for the author: never a threshold, never a word of a list. `detail` is for people of the
    account: what exactly matched. `cleared_by` names the rule that let pass what this one would have held. `scope` is
    of the rule's set, "" for what is built in. `is_shadow`: it tells what the rule would ask for, and nobody heeds it.
    """

    rule: str
    version: int
    result: Result
    outcome: Outcome | None = None
    code: str = ""
    text: str = ""
    fix: str = ""
    detail: str = ""
    lane: str = ""
    people: int = 1
    risk: Risk = Risk.LOW
    is_floor: bool = False
    cleared_by: str = ""
    scope: str = ""
    name: str = ""
    is_shadow: bool = False

    def as_json(self) -> dict[str, object]:
        """What is kept in the trace: what differs from the defaults, and what every line has."""
        told = {name: getattr(self, name) for name in _EVERY_LINE}
        return told | {name: kept for name, usual in _USUAL.items() if (kept := getattr(self, name)) != usual}


_EVERY_LINE = ("rule", "version", "result", "outcome", "code", "text")
_USUAL = {
    one.name: one.default for one in fields(Finding) if one.default is not MISSING and one.name not in _EVERY_LINE
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy's answer. `code`, `text` and `fix` are of the finding that decided; `trace` has every rule's.

    `lane`, `people` (different ones who must approve) and `risk` are for a held message. `also` are the codes of the
    other findings that would have stopped it too. `cleared_by` is the rule that let it pass, "" where it is stopped.
    """

    outcome: Outcome
    code: str
    text: str
    trace: tuple[Finding, ...]
    fix: str = ""
    lane: str = ""
    people: int = 1
    risk: Risk = Risk.LOW
    also: tuple[str, ...] = ()
    cleared_by: str = ""
