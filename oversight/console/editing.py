"""The edit form: what it begins with, what of it would change the message, and where two people's changes meet."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from messaging.mime import addresses, headers
from messaging.mime.refusals import Refused
from messaging.models import Attachment, Message
from oversight.decisions import Changes
from oversight.edits import MAX_RECIPIENTS
from oversight.models import Edit

from . import changes as differences
from .changes import FieldChange
from .forms import VersionForm

# Longer bodies are not edited in a browser: their other fields are.
MOST_EDITED = 200_000
FOLLOW, SOURCE, DROP = "follow", "source", "drop"
ADDRESSED = ("to", "cc", "bcc")
# The form's fields by their names in an `Edit`, and where a message keeps them.
COLUMNS = {
    "to": ("to", "to_addresses"),
    "cc": ("cc", "cc_addresses"),
    "bcc": ("bcc", "bcc_addresses"),
    "subject": ("subject", "subject"),
    "text": ("bodyText", "body_text"),
    "html": ("bodyHtml", "body_html"),
}


class AddressesField(forms.CharField):
    """Addresses apart by commas, blanks or lines; in their one spelling."""

    def __init__(self, *, required: bool = False) -> None:
        super().__init__(required=required, max_length=MAX_RECIPIENTS * 330)
        self.error_messages["required"] = "Name at least one address."

    def clean(self, value: Any) -> tuple[str, ...]:
        found = [one for one in re.split(r"[\s,;]+", str(super().clean(value))) if one]
        if len(found) > MAX_RECIPIENTS:
            raise ValidationError(f"At most {MAX_RECIPIENTS} addresses.")
        try:
            return tuple(dict.fromkeys(addresses.canonical(one) for one in found))
        except Refused as refused:
            raise ValidationError(refused.sentence) from refused


class EditForm(VersionForm):
    """A message as a person would have it. `revision` is the form of the message that the person began with."""

    revision = forms.IntegerField(min_value=1)
    to = AddressesField(required=True)
    cc = AddressesField()
    bcc = AddressesField()
    subject = forms.CharField(strip=False, max_length=998, error_messages={"required": "A mail has a subject."})
    text = forms.CharField(strip=False, required=False, max_length=MOST_EDITED)
    html = forms.CharField(strip=False, required=False, max_length=MOST_EDITED)
    html_way = forms.ChoiceField(required=False, choices=[(one, one) for one in (FOLLOW, SOURCE, DROP)])
    leave_out = forms.TypedMultipleChoiceField(required=False, coerce=UUID)

    def __init__(self, data: QueryDict, *, message: Message, files: list[Attachment]) -> None:
        known = {str(one.pk) for one in files}
        # A file that a colleague has left out meanwhile is as it was wanted: no error.
        super().__init__({**data.dict(), "leave_out": sorted(known.intersection(data.getlist("leave_out")))})
        # A field of choices, which Django's types know as any field.
        self.fields["leave_out"].choices = [(pk, pk) for pk in known]  # type: ignore[attr-defined]
        if is_long(message):
            del self.fields["text"], self.fields["html"], self.fields["html_way"]

    def clean_subject(self) -> str:
        try:
            return headers.check_subject(str(self.cleaned_data["subject"]))
        except Refused as refused:
            raise ValidationError(refused.sentence) from refused

    def clean_text(self) -> str:
        if not str(self.cleaned_data["text"]).strip():
            raise ValidationError("A mail has a text.")
        return str(self.cleaned_data["text"])


@dataclass(frozen=True, slots=True)
class Meeting:
    """A field that a colleague has changed meanwhile, against what both began with. `is_both`: so has this person."""

    field: str
    theirs: FieldChange
    mine: FieldChange
    is_both: bool

    @property
    def name(self) -> str:
        return self.theirs.name


def is_long(message: Message) -> bool:
    return max(len(message.body_text), len(message.body_html or "")) > MOST_EDITED


def begin(message: Message, *, version: int) -> dict[str, Any]:
    """What the form begins with: the message as it stands."""
    values = {name: shown(getattr(message, column)) for name, (_, column) in COLUMNS.items()}
    return {**values, "version": version, "revision": message.current_version, "html_way": FOLLOW, "note": ""}


def wanted(message: Message, asked: Mapping[str, Any]) -> Changes:
    """What a valid form would change of the message; a field that says the same is left as it is."""
    lists = {
        name: None if list(asked[name]) == list(getattr(message, COLUMNS[name][1])) else asked[name]
        for name in ADDRESSED
    }
    subject = None if asked["subject"] == message.subject else asked["subject"]
    text, source = _bodies(message, asked) if "text" in asked else (None, None)
    return Changes(**lists, subject=subject, text=text, html=source, without_files=frozenset(asked["leave_out"]))


def meetings(message: Message, asked: Mapping[str, Any]) -> list[Meeting]:
    """Where a colleague's changes since `asked["revision"]` meet those of a valid form, field by field."""
    later = Edit.objects.filter(review__message=message, version__gt=asked["revision"]).order_by("-version")
    began = {edit.field: edit.old for edit in later}  # the oldest is the last to be put down
    found = []
    for name, (field, column) in COLUMNS.items():
        if field not in began or name not in asked:
            continue
        old, now, mine = began[field], getattr(message, column), _value(asked[name])
        if shown(now) != shown(old):
            is_both = shown(mine) not in (shown(old), shown(now))
            compare = differences.compare
            found.append(Meeting(name, compare(field, old, now), compare(field, old, mine), is_both))
    return found


def merged(message: Message, values: Mapping[str, Any], met: list[Meeting]) -> dict[str, Any]:
    """The form's values, with a colleague's where only they changed something."""
    theirs = {one.field: shown(getattr(message, COLUMNS[one.field][1])) for one in met if not one.is_both}
    return {**values, **theirs}


def shown(value: object) -> str:
    """A field of a message as the form has it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return plain(str(value or ""))


def plain(text: str) -> str:
    """With the line ends that a browser's field gives back."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def to_html(text: str) -> str:
    """The same words without design: a paragraph for each, and its line ends."""
    paragraphs = [one.strip("\n") for one in re.split(r"\n{2,}", plain(text)) if one.strip()]
    lines = [html.escape(one, quote=False).replace("\n", "<br>\n") for one in paragraphs]
    return "\n".join(f"<p>{one}</p>" for one in lines) + "\n"


def _bodies(message: Message, asked: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Text and HTML: both or neither, where the message has both."""
    is_text_same = plain(asked["text"]) == plain(message.body_text)
    text = message.body_text if is_text_same else plain(asked["text"])
    if message.body_html is None:
        return (None if is_text_same else text), None
    if asked["html_way"] == DROP:
        return text, ""
    if asked["html_way"] == SOURCE and plain(asked["html"]) != plain(message.body_html):
        return text, plain(asked["html"])
    if is_text_same:
        return None, None
    return text, message.body_html if asked["html_way"] == SOURCE else to_html(text)


def _value(value: object) -> object:
    return list(value) if isinstance(value, tuple) else plain(str(value))
