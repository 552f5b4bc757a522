"""What people type on the trust pages."""

from __future__ import annotations

from typing import Any

from django import forms

from mailboxes.modes import OversightMode
from oversight.console.forms import ProofForm
from oversight.trust import NewTerms

REASON_LENGTH = 200


class TermsForm(ProofForm):
    """A mailbox's mode and floor, why, and the mode that the page showed."""

    mode = forms.ChoiceField(
        choices=[(mode.value, mode.value) for mode in OversightMode],
        error_messages={"required": "Choose a mode.", "invalid_choice": "Choose one of the modes."},
    )
    floor = forms.ChoiceField(required=False, choices=[("", ""), *((mode.value, mode.value) for mode in OversightMode)])
    seen = forms.CharField(max_length=10)
    reason = forms.CharField(required=False, max_length=REASON_LENGTH)

    def clean(self) -> dict[str, Any]:
        return super().clean() or self.cleaned_data

    @property
    def terms(self) -> NewTerms:
        """Of a valid form."""
        floor = self.cleaned_data["floor"]
        return NewTerms(
            mode=OversightMode(self.cleaned_data["mode"]),
            floor=OversightMode(floor) if floor else None,
            seen=self.cleaned_data["seen"],
            reason=self.cleaned_data["reason"],
        )
