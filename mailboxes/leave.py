"""Dangerous acts of an account's agents, for which people give leave. Who asks people, and tells them, registers here:
this app mails nobody. Where nobody is registered, nothing of the kind is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from .errors import Forbidden
from .models import Mailbox
from .principals import Principal


class Waits(StrEnum):
    """BY_SETTING: where the account asks for it (`operator_approval`). ALWAYS. NEVER: people are told of it only."""

    BY_SETTING = "by setting"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class DangerousAct:
    """One act, as people are told of it: `said` is what will happen, the act itself in the first line; no secrets.

    It should name what it changes as that is now: leave is given for exactly these words.
    """

    name: str
    said: tuple[str, ...]
    mailbox: Mailbox | None = None
    waits: Waits = Waits.BY_SETTING
    is_rehearsed: bool = True  # False where even to try and take it back leaves a trace


@dataclass(frozen=True, slots=True)
class Call:
    """The act as it is asked for, to the letter, with the code that a person gave; empty without one."""

    content: Mapping[str, object]
    code: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A person was asked, and may answer until then."""

    permit_id: UUID
    expires_at: datetime


# Do the act inside of it, in the transaction of the act: it is used up there, once.
Leave = Callable[[], AbstractContextManager[None]]


class Desk(Protocol):
    """Whoever asks people."""

    def find(self, actor: Principal, act: DangerousAct, call: Call) -> Leave | None:
        """Leave to do it, or None: a person must be asked. Raises NotFound and Forbidden for a code that is no good.

        Commits what it counts, so not inside a transaction that may be taken back.
        """

    def ask(self, actor: Principal, act: DangerousAct, call: Call) -> Pending:
        """Ask a person, or say that one was asked already. Raises Forbidden (refused), LimitReached."""


class Nobody:
    """Stands at the desk until somebody comes."""

    def find(self, actor: Principal, act: DangerousAct, call: Call) -> Leave | None:
        return None

    def ask(self, actor: Principal, act: DangerousAct, call: Call) -> Pending:
        raise Forbidden("This takes leave of a person, and nobody can be asked here.", code="nobody_to_ask")


class _Hall:
    desk: Desk = Nobody()


def register(desk: Desk) -> None:
    """Have this desk asked from now on."""
    _Hall.desk = desk


def find(actor: Principal, act: DangerousAct, call: Call) -> Leave | None:
    """As `Desk.find`, of the desk that is there."""
    return _Hall.desk.find(actor, act, call)


def ask(actor: Principal, act: DangerousAct, call: Call) -> Pending:
    """As `Desk.ask`, of the desk that is there."""
    return _Hall.desk.ask(actor, act, call)


def quoted(text: str) -> str:
    """A text that the agent chose, as it stands in what people are told: its end can't be mistaken."""
    return '"' + text.replace('"', "'") + '"'
