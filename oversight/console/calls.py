"""Who called the API, as the console shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.http import QueryDict

from mailboxes import access_log, keys
from mailboxes.ids import parse_id
from mailboxes.models import AccessEntry, Account, ApiKey
from mailboxes.principals import of_manager
from oversight.templatetags.console_tags import plain

from . import actors
from .keyset import Slice, cut, search
from .visit import Visit

MOST_KEYS = 200
SESSION = "session"
STATUSES = {"2": "Answered (2xx)", "4": "Refused (4xx)", "429": "Too many (429)", "5": "Our fault (5xx)"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call, with the words for its key and its caller."""

    entry: AccessEntry
    key: str
    who: str

    @property
    def is_refused(self) -> bool:
        return self.entry.status >= 400


@dataclass(frozen=True, slots=True)
class Filters:
    """What the page's URL asks for; a malformed value matches nothing."""

    key: str = ""
    status: str = ""
    route: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        asked = (query.get(name, "").strip().replace("\x00", "\ufffd")[:120] for name in ("key", "status", "q"))
        return cls(*asked)

    def condition(self) -> Q:
        found = Q()
        if self.key == SESSION:
            found &= Q(key_id__isnull=True)
        elif self.key:
            known = parse_id(self.key)
            found &= Q(key_id=known) if known else Q(pk__in=[])
        if self.status:
            found &= _of_status(self.status)
        if self.route:
            found &= Q(route__icontains=self.route)
        return found


def page_of(visit: Visit, filters: Filters, after: str) -> Slice[AccessEntry]:
    """The calls that the filters leave, newest first. Raises Forbidden for all but owners and admins."""
    every = access_log.of(of_manager(visit.member))
    if filters == Filters():
        return cut(every, "at", after, is_descending=True)
    return search(every.filter(filters.condition()), every, "at", after, is_descending=True)


def rows(account: Account, entries: Sequence[AccessEntry]) -> list[Call]:
    labels = _labels(account, {entry.key_id for entry in entries if entry.key_id})
    names = actors.names(account, [entry.actor for entry in entries])
    return [
        Call(entry, labels.get(entry.key_id, "a key that is gone") if entry.key_id else "", names[entry.actor])
        for entry in entries
    ]


def key_options(account: Account) -> list[tuple[str, str]]:
    """The account's keys to choose from, the newest first."""
    found = ApiKey.objects.filter(account=account).order_by("-created_at", "-pk")
    return [(SESSION, "A session, no key"), *((str(key.pk), plain(_label(key))) for key in found[:MOST_KEYS])]


def _labels(account: Account, ids: set[UUID]) -> dict[UUID, str]:
    known = keys.of_account(account) | ApiKey.objects.filter(account=account)
    return {key.pk: _label(key) for key in known.filter(pk__in=ids)}


def _label(key: ApiKey) -> str:
    return f"{key.prefix}… {key.name}".strip()


def _of_status(text: str) -> Q:
    if not text.isascii() or not text.isdigit() or len(text) > 3:
        return Q(pk__in=[])
    first = int(text)
    return Q(status__gte=first * 100, status__lt=(first + 1) * 100) if len(text) == 1 else Q(status=first)
