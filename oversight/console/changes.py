"""What became of a message's words on its way: each edit by a person and each resubmission, against the form before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, F, OuterRef, Subquery, When
from django.template.defaultfilters import filesizeformat

from messaging.models import Message
from oversight.models import Edit, Review, ReviewState

from . import word_diff
from .word_diff import Piece

NAMES = {
    "subject": "Subject",
    "bodyText": "Text",
    "bodyHtml": "HTML source",
    "to": "To",
    "cc": "Cc",
    "bcc": "Bcc",
    "replyTo": "Answers go to",
    "headers": "Headers",
    "attachments": "Files",
}
# The same in a sentence.
SHORT = {"bodyText": "text", "bodyHtml": "HTML", "replyTo": "address for answers", "attachments": "files"}
SHORT |= dict.fromkeys(("to", "cc", "bcc"), "recipients")
ORDER = tuple(NAMES)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field in two forms of a message; `is_list`: its pieces are items."""

    field: str
    pieces: Sequence[Piece]
    is_list: bool

    @property
    def name(self) -> str:
        return NAMES.get(self.field, self.field)


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the message, and who made it from the one before."""

    version: int
    by: str
    at: datetime
    is_by_author: bool
    fields: tuple[str, ...]

    @property
    def summary(self) -> str:
        """As "3 changes: subject, text, recipients"."""
        return f"{self.count} change{'s' * (self.count != 1)}: {', '.join(self._names)}"

    @property
    def count(self) -> int:
        return len(self._names)

    @property
    def _names(self) -> list[str]:
        return list(dict.fromkeys(SHORT.get(field, field) for field in self.fields))


@dataclass(frozen=True, slots=True)
class Changes:
    """The forms of a message that differ from the one before, newest first, and what differs in the one shown.

    Where its author made it: what they had been asked for, and by whom.
    """

    forms: Sequence[Form]
    shown: Form
    fields: Sequence[FieldChange] = ()
    asked: str = ""
    asked_by: str = ""


def of(message: Message, *, wanted: int | None) -> Changes | None:
    """The message's forms, and what differs in the wanted one; None where there is but the first. At most one query."""
    if message.current_version < 2:
        return None
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in _rows(message, wanted):
        found.setdefault(row["version"], []).append(row)
    if not found:
        return None
    author = message.agent.name if message.agent else message.from_address
    forms = [_form(version, lines, author=author) for version, lines in found.items()]
    shown = next((form for form in forms if form.version == wanted), None)
    if shown is None:
        return Changes(forms, forms[0])
    lines = sorted(found[shown.version], key=_place)
    fields = [compare(line["field"], line["before"], line["after"]) for line in lines]
    if not shown.is_by_author:
        return Changes(forms, shown, fields)
    return Changes(forms, shown, fields, lines[0]["asked"] or "", lines[0]["asked_by"] or "")


def compare(field: str, old: object, new: object) -> FieldChange:
    """One field as it was and as it became, as an `Edit` has them."""
    if field in ("subject", "bodyText", "bodyHtml"):
        return FieldChange(field, word_diff.compare(str(old or ""), str(new or "")), is_list=False)
    return FieldChange(field, word_diff.compare_lists(items(old), items(new)), is_list=True)


def items(value: object) -> list[str]:
    """A field of several values, each as one line."""
    if isinstance(value, Mapping):
        return [f"{name}: {text}" for name, text in value.items()]
    if isinstance(value, list):
        return [_file(one) if isinstance(one, Mapping) else str(one) for one in value]
    return [str(value)] if value else []


def _rows(message: Message, wanted: int | None) -> Any:
    """What was changed, newest form first: words only of the wanted one, which may be long."""
    returned = Review.objects.filter(
        message=OuterRef("review__message"), state=ReviewState.RETURNED, decided_at__lte=OuterRef("made_at")
    ).order_by("-decided_at")
    return (
        Edit.objects.filter(review__message=message)
        .order_by("-version")
        .values(
            *("version", "field", "made_at"),
            user_name=F("decision__member__user__name"),
            email=F("decision__member__user__email"),
            before=Case(When(version=wanted or 0, then=F("old"))),
            after=Case(When(version=wanted or 0, then=F("new"))),
            asked=Subquery(returned.values("instructions")[:1]),
            asked_by=Subquery(returned.values("decided_by")[:1]),
        )
    )


def _form(version: int, lines: Sequence[Mapping[str, Any]], *, author: str) -> Form:
    first = lines[0]
    by = first["user_name"] or first["email"]
    fields = tuple(line["field"] for line in sorted(lines, key=_place))
    return Form(version, by or author, first["made_at"], is_by_author=not by, fields=fields)


def _place(line: Mapping[str, Any]) -> int:
    return ORDER.index(line["field"])


def _file(told: Mapping[str, Any]) -> str:
    size, content = filesizeformat(told.get("sizeBytes") or 0), str(told.get("sha256") or "")
    return f"{told.get('filename')} ({size}, SHA-256 {content[:12]})"
