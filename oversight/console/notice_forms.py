"""What members type about notices."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from oversight.models import NoticeStyle

STYLES = (
    (NoticeStyle.EACH.value, "Soon after something is held"),
    (NoticeStyle.DIGEST.value, "Once a day"),
    (NoticeStyle.NONE.value, "Never by mail"),
)
TIME = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class NoticesForm(forms.Form):
    """A member's wishes. An unknown zone, or half of the quiet hours, is told beside its field."""

    style = forms.ChoiceField(label="Mail me", choices=STYLES, widget=forms.RadioSelect)
    escalates = forms.BooleanField(label="Remind me when something is about to expire", required=False)
    names_subject = forms.BooleanField(label="Write subjects into the mail", required=False)
    daily_at = forms.TimeField(label="Daily mail at", widget=TIME)
    quiet_from = forms.TimeField(label="Quiet from", required=False, widget=TIME)
    quiet_to = forms.TimeField(label="Quiet to", required=False, widget=TIME)
    zone = forms.CharField(label="Time zone", max_length=60)

    def clean_zone(self) -> str:
        name = str(self.cleaned_data["zone"]).strip()
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValidationError("This time zone is unknown. Write it like Europe/Vienna.") from error
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (cleaned.get("quiet_from") is None) != (cleaned.get("quiet_to") is None):
            self.add_error("quiet_to", "Quiet hours need a beginning and an end; leave both empty for none.")
        return cleaned

    def wishes(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class ChatForm(forms.Form):
    """Where a chat tool takes messages."""

    chat_url = forms.CharField(label="Incoming webhook of your chat tool", required=False, max_length=2000)
