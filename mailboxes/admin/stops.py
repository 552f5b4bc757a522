"""Stops, to look at; the stop of the whole server, to begin and to end."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from mailboxes import clock, stops
from mailboxes.models import Stop, StopScope

from .base import OperatorAdmin, operator


class StopEverythingForm(forms.ModelForm[Stop]):
    """Everything is stopped by its reason and the word STOP: no slip of a hand does it."""

    reason = forms.CharField(max_length=stops.REASON_LENGTH, help_text="Everybody on this server reads it.")
    confirm = forms.CharField(max_length=20, help_text="Type STOP: nothing of any account leaves any more.")

    class Meta:
        model = Stop
        fields = ("reason",)

    def clean_confirm(self) -> str:
        text = str(self.cleaned_data["confirm"]).strip()
        if text.upper() != "STOP":
            raise forms.ValidationError("Type STOP to confirm.")
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if stops.of_everything() is not None:
            raise forms.ValidationError("Everything is stopped already.")
        return cleaned

    def _post_clean(self) -> None:
        """The verb makes the row, not this form."""


@admin.register(Stop)
class StopAdmin(OperatorAdmin[Stop]):
    list_display = ("stopped_at", "scope", "account", "subject_id", "by", "reason", "resumed_at")
    list_filter = (("resumed_at", admin.EmptyFieldListFilter), "scope")
    list_select_related = ("account",)
    search_fields = ("=account__slug", "=subject_id")
    fields = ("scope", "account", "subject_id", "by", "reason", "stopped_at", "resumed_by", "resumed_at")
    actions = ("go_on",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Stop | None = None) -> Any:
        return self.fields if obj else ()

    def get_fields(self, request: HttpRequest, obj: Stop | None = None) -> Any:
        return self.fields if obj else ("reason", "confirm")

    def get_form(self, request: HttpRequest, obj: Stop | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = StopEverythingForm
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Stop, form: Any, change: bool) -> None:
        stops.stop_everything(by=operator(request), reason=form.cleaned_data["reason"], now=clock.now())
        made = stops.of_everything()
        assert made is not None
        obj.pk = made.pk
        obj.refresh_from_db()

    @admin.action(description="Let this whole server send again", permissions=["operate"])
    def go_on(self, request: HttpRequest, queryset: QuerySet[Stop]) -> None:
        if not queryset.filter(scope=StopScope.EVERYTHING, resumed_at__isnull=True).exists():
            told = "Only a stop of everything is an operator's to end; an account's own people resume theirs."
            self.message_user(request, told, level=messages.ERROR)
            return
        stops.resume_everything(by=operator(request), now=clock.now())
