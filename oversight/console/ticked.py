"""The rows that somebody has ticked in a list, and what is asked before many are rejected."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest

from mailboxes import second_step
from mailboxes.ids import parse_id
from oversight import decisions
from oversight.bulk import Named
from oversight.decisions import Reviewer
from oversight.models import Door

from .visit import Visit

# More than a page of any list has.
MOST = 1_000


class ReasonForm(forms.Form):
    """Why many are rejected. Drawn by _reasons.html."""

    reason = forms.ChoiceField(
        choices=list(decisions.REJECT_REASONS.items()),
        error_messages={"required": "Choose a reason.", "invalid_choice": "Choose one of the reasons."},
    )
    note = forms.CharField(required=False, max_length=decisions.NOTE_LENGTH)


class NumberForm(ReasonForm):
    """With how many are meant: nobody types it by a slip."""

    count = forms.IntegerField(
        min_value=1, max_value=2**31 - 1, error_messages={"required": "Type how many.", "invalid": "Type a number."}
    )


def read(request: HttpRequest) -> list[Named]:
    """The ticked rows, each once and with the version that its page showed; what is malformed names nothing."""
    found: dict[UUID, Named] = {}
    for text in request.POST.getlist("item")[:MOST]:
        pk, _, version = text.partition(":")
        parsed = parse_id(pk)
        if parsed and version.isascii() and version.isdigit() and len(version) < 10:
            found.setdefault(parsed, Named(parsed, int(version)))
    return list(found.values())


def reviewer(request: HttpRequest, visit: Visit) -> Reviewer:
    """The member at the console, with what they have shown of late."""
    return Reviewer(visit.actor, Door.CONSOLE, second_step.proven_at(request))
