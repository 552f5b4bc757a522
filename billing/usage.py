"""What an account may do and what it has done of it, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mailboxes import quotas
from mailboxes.models import Account, LimitKind
from mailboxes.models.limit import NONE

from . import plans
from .plans import Plan

SIZES = ((1024**4, "TB"), (1024**3, "GB"), (1024**2, "MB"), (1024, "kB"), (1, "bytes"))
# By the names of LimitKind, in the order in which they are shown.
WORDS = {
    "mailboxes": "Mailboxes",
    "domains": "Domains of your own",
    "daily_sends": "Sends a day and mailbox",
    "monthly_sends": "Sends a month and mailbox",
    "monthly_inbound": "Received messages a month",
    "storage_bytes": "Storage for attachments",
}
OF_THE_ACCOUNT = (LimitKind.MAILBOXES, LimitKind.MONTHLY_INBOUND, LimitKind.STORAGE_BYTES)


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit of the account and what is used of it. `most` 0 is unlimited."""

    label: str
    used: int
    most: int
    used_text: str
    most_text: str

    @property
    def is_full(self) -> bool:
        return bool(self.most) and self.used >= self.most


def meters(account: Account, *, now: datetime) -> list[Meter]:
    """What is counted for the account as a whole, against its limits as they are now."""
    limits = quotas.limits_of(account)
    return [_meter(account, kind, limits, now=now) for kind in OF_THE_ACCOUNT]


def allowances(plan: Plan) -> list[tuple[str, str]]:
    """What a plan allows, as (words, amount)."""
    amounts = {kind.value: amount_text(kind, amount) for kind, amount in plans.limits_of(plan).items()}
    return [(words, amounts[name]) for name, words in WORDS.items() if name in amounts]


def amount_text(kind: LimitKind, amount: int) -> str:
    """A limit in words."""
    if amount == NONE:
        return "none"
    if not amount:
        return "unlimited"
    return _size(amount) if kind == LimitKind.STORAGE_BYTES else f"{amount:,}"


def _meter(account: Account, kind: LimitKind, limits: Mapping[str, int], *, now: datetime) -> Meter:
    used, most = quotas.used([account.pk], kind, now=now).get(account.pk, 0), limits[kind]
    used_text = _size(used) if kind == LimitKind.STORAGE_BYTES else f"{used:,}"
    return Meter(WORDS[kind], used, most, used_text, amount_text(kind, most))


def _size(amount: int) -> str:
    size, name = next(((size, name) for size, name in SIZES if amount >= size), SIZES[-1])
    return f"{amount / size:.1f}".removesuffix(".0") + f" {name}"
