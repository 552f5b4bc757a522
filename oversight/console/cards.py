"""What the templates show: plain values, gathered beforehand, so that no template asks the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from oversight.monitoring import MOST_COUNTED


@dataclass(frozen=True, slots=True)
class Person:
    """One recipient and what is known of them."""

    address: str
    kind: str = "to"
    name: str = ""
    is_first_contact: bool = False
    sent_count: int = 0
    last_reply_at: datetime | None = None
    suppressed_reason: str = ""
    state: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One review in a list: _row_review.html and _row_tombstone.html."""

    id: UUID
    version: int
    state: str
    subject: str
    recipients: list[Person]
    recipient_count: int
    agent_name: str
    mailbox_address: str
    reason_text: str
    expires_at: datetime
    decided_by: str = ""
    release_at: datetime | None = None
    looked_at_by: str = ""
    risk: str = ""
    group: str = ""
    alike_count: int = 0
    quick_approve: bool = False
    allowed_actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one review of many. `state`: done, skipped, or "" while it waits for its turn."""

    id: UUID
    subject: str
    text: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing a reader should know before deciding. `level`: high, medium or low."""

    level: str
    text: str
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a timeline: a shape, a sentence, who did it, when. `is_given_up`: `/undelivered/` goes on from it."""

    at: datetime
    text: str
    actor: str = ""
    icon: str = "circle-dot"
    css: str = "is-neutral"
    detail: str = ""
    is_given_up: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """A timeline, oldest step first; of a long one the middle is `folded`. `has_more`: old tries are left out."""

    first: list[Step]
    folded: list[Step] = field(default_factory=list)
    last: list[Step] = field(default_factory=list)
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One link of a filter bar. `count` goes no further than `most`."""

    url: str
    label: str
    is_current: bool
    count: int | None = None
    is_total: bool = False
    most: int = MOST_COUNTED


@dataclass(frozen=True, slots=True)
class Select:
    """One choice among many in a filter bar."""

    name: str
    label: str
    options: list[tuple[str, str]]
    current: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """An attachment; `url` saves it."""

    name: str
    size: int
    content_type: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Snippet:
    """One message of a thread, shortened."""

    from_name: str
    direction: str
    at: datetime
    snippet: str
    state: str


@dataclass(frozen=True, slots=True)
class ThreadCard:
    """The conversation around a message."""

    url: str = ""
    count: int = 0
    messages: list[Snippet] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Initiator:
    """Who asked for a message; `provenance` and `trigger_url` are what the agent says made it ask."""

    agent_name: str
    mailbox_address: str
    mailbox_mode: str
    requested_at: datetime
    key_prefix: str = ""
    key_revoked_at: datetime | None = None
    channel: str = ""
    request_id: str = ""
    note: str = ""
    provenance: str = ""
    trigger_url: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of "Ready to send?"."""

    is_ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class MailCard:
    """A message as _mail.html shows it. `url` is the page that carries the tabs, `body_url` the frame's document."""

    url: str
    body_url: str
    from_name: str
    from_address: str
    subject: str
    recipients: list[Person]
    files: list[File]
    reply_to: str = ""
    links_count: int = 0
    blocked_image_count: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why an act was not recorded. `kept` is what the member had typed."""

    code: str
    text: str
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a decision bar says beside the review: a conflict; or which panel is open, with the form as posted."""

    conflict: Conflict | None = None
    panel: str = ""
    form: dict[str, Any] | None = None
