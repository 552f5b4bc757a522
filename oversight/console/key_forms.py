"""What owners and admins type about agents' keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings

from mailboxes.member_keys import Wanted
from mailboxes.minting import SAME, Change
from mailboxes.models import Agent, ApiKey, Mailbox

from .forms import DecideKeyForm

ALL, SOME = "all", "some"


class AgentKeyForm(DecideKeyForm):
    """A new key of an agent: some mailboxes, or everything of the account by a choice of its own."""

    agent = forms.ChoiceField(error_messages={"required": "Choose an agent.", "invalid_choice": "Choose an agent."})
    reach = forms.ChoiceField(choices=[(SOME, "some"), (ALL, "all")], initial=SOME)
    mailboxes = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, agents: Sequence[Agent], boxes: Sequence[Mailbox], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["agent"], [(str(agent.pk), agent.name) for agent in agents])
        _offer(self.fields["mailboxes"], [(str(box.pk), box.full_address) for box in boxes])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("reach") == SOME and not cleaned.get("mailboxes"):
            self.add_error("mailboxes", "Choose at least one mailbox, or everything.")
        return cleaned

    def wanted(self) -> Wanted:
        """Of a valid form."""
        told = self.cleaned_data
        boxes = [UUID(pk) for pk in told["mailboxes"]]
        return Wanted(told["agent"], told["name"], told["reach"] == ALL, boxes, self.terms)


class BindForm(DecideKeyForm):
    """A key's name, end and addresses. What was left as the page showed it is not asked to change."""

    name = forms.CharField(max_length=100, required=False)

    def __init__(self, *args: Any, key: ApiKey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key

    @staticmethod
    def of(key: ApiKey) -> dict[str, str]:
        """What stands in the fields before anybody types."""
        last = (key.expires_at - timedelta(microseconds=1)).astimezone(UTC).date() if key.expires_at else None
        return {
            "name": key.name,
            "last_day": last.isoformat() if last else "",
            "addresses": " ".join(key.ip_allowlist),
        }

    def change(self) -> Change:
        """Of a valid form."""
        before, told = self.of(self.key), self.cleaned_data
        is_same_end = str(self.data.get("last_day", "")).strip() == before["last_day"]
        return Change(
            name=SAME if told["name"] == self.key.name else told["name"],
            expires_at=SAME if is_same_end else told["last_day"],
            ip_allowlist=SAME if list(told["addresses"]) == self.key.ip_allowlist else told["addresses"],
        )


class RotateForm(forms.Form):
    """For how many hours the old key goes on."""

    overlap_hours = forms.IntegerField()

    def clean_overlap_hours(self) -> int:
        hours, most = int(self.cleaned_data["overlap_hours"]), int(settings.KEY_OVERLAP_HOURS)
        if not 0 <= hours <= most:
            raise forms.ValidationError(f"From 0 to {most} hours.")
        return hours


def _offer(field: forms.Field, choices: list[tuple[str, str]]) -> None:
    if isinstance(field, forms.ChoiceField):
        field.choices = choices
