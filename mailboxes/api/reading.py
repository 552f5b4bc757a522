"""What was asked, read by a form; what is wrong with it, told as one problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from mailboxes.errors import Invalid, Problem

MISSING = frozenset({"required", "null", "blank", "empty"})


class Form(serializers.Serializer[Any]):
    """A request's JSON. A name that it does not know is refused, with the nearest one it does.

    `one_of`: texts of which one must be there, for the documentation.
    """

    one_of: tuple[str, ...] = ()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            refuse_unknown(data, known=self.fields)
        return super().to_internal_value(data)


def read(form: type[serializers.Serializer[Any]], data: object) -> dict[str, Any]:
    """The checked values. Raises Invalid: `unknown_field`, `missing_field` or `invalid_field`, naming the field."""
    try:
        return dict(_reader(form).run_validation(data))
    except serializers.ValidationError as error:
        raise problem_of(error.detail) from error


@cache
def _reader(form: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    # DRF copies every field for each instance, which costs more than the reading; nothing of a request stays in one.
    return form()


def refuse_unknown(data: Iterable[str], *, known: Iterable[str]) -> None:
    """Refuse names outside `known`: a misspelt option that is dropped in silence is a trap."""
    names = list(known)
    for name in data:
        if name not in names:
            near = get_close_matches(name, names, n=1, cutoff=0.5)
            raise Invalid(
                f"There is no field '{name[:80]}' here.",
                code="unknown_field",
                fix=f"Did you mean '{near[0]}'?" if near else f"The fields are {', '.join(sorted(names)) or 'none'}.",
                field=name[:80],
                nearest=near[0] if near else None,
            )


def problem_of(errors: Any) -> Problem:
    """The first thing that is wrong, with its path: `to[2]`, `metadata.order`."""
    path, detail = _first(errors)
    is_missing = detail.code in MISSING
    return Invalid(
        f"{path}: {detail}" if path else str(detail),
        code="missing_field" if is_missing else "invalid_field",
        fix=f"Send a usable value for '{path}'." if path else "Correct the body.",
        field=path or None,
    )


def _first(errors: Any, path: str = "") -> tuple[str, ErrorDetail]:
    if isinstance(errors, Mapping):
        name, inner = next((name, inner) for name, inner in errors.items() if inner)
        if name == "non_field_errors":
            return _first(inner, path)
        step = f"[{name}]" if isinstance(name, int) else f".{name}" if path else str(name)
        return _first(inner, f"{path}{step}")
    if isinstance(errors, list):
        place = next(place for place, inner in enumerate(errors) if inner)
        is_list_of_fields = isinstance(errors[place], Mapping | list)
        return _first(errors[place], f"{path}[{place}]" if is_list_of_fields else path)
    assert isinstance(errors, ErrorDetail)
    return path, errors
