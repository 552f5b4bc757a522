"""Fields of the wire that DRF reads or writes otherwise than the contract says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import email_validator
from django.core.validators import ProhibitNullCharactersValidator
from drf_spectacular.drainage import set_override
from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from mailboxes import mailbox, networks
from mailboxes.errors import Invalid

CHECKED_BY_THE_PARSER = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)
NULLABLE_TEXT: dict[str, object] = {"type": ["string", "null"]}
TREACHEROUS = re.compile(r"=\?|[%!]")
# Addresses as the documentation tells them; those with other letters are taken as well, and become ASCII.
ADDRESS = r"^[A-Za-z0-9_+-]{1,20}(\.[A-Za-z0-9_+-]{1,20}){0,2}@([a-z0-9]{1,20}(-[a-z0-9]{1,20})?\.){1,3}[a-z]{2,20}$"


class Moment(serializers.DateTimeField):
    """ISO-8601, UTC, exactly three decimals and `Z`."""

    def to_representation(self, value: datetime) -> str:
        return moment_text(value)


class Text(serializers.CharField):
    """A string, as it was sent: a number is not one, and no space is taken away.

    `pattern` is for the documentation alone: what the verb that takes the value will look at.
    """

    pattern = r"^[^\u0000]*$"

    def __init__(self, *, pattern: str | None = None, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})
        self.pattern = pattern or self.pattern
        # StrictJsonParser has looked, once; DRF would go over each character of each text again.
        self.validators = [one for one in self.validators if not isinstance(one, CHECKED_BY_THE_PARSER)]

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class AskedMoment(Text):
    """A moment that was asked for: ISO-8601 with a zone, as UTC."""

    pattern = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"

    def to_internal_value(self, data: object) -> datetime:  # type: ignore[override]  # a text on the wire
        text = super().to_internal_value(data)
        try:
            found = datetime.fromisoformat(text[:40])
            if found.tzinfo is None:
                raise ValueError("without a zone it is no moment")
            return found.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise serializers.ValidationError(
                "Send ISO-8601 with a zone, like 2027-05-01T00:00:00Z.", code="invalid"
            ) from error


class Network(Text):
    """An address or a network, in its canonical spelling."""

    pattern = r"^(([1-9][0-9]?|1[0-9]{2})(\.([1-9][0-9]?|1[0-9]{2})){3}|2001:db8:[1-9a-f][0-9a-f]{0,3}::[1-9a-f])$"

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        try:
            return networks.canonical(text)
        except ValueError as error:
            raise serializers.ValidationError(
                "Send an address or a network without host bits, like 198.51.100.7 or 2001:db8::/32.", code="invalid"
            ) from error


class WholeNumber(serializers.IntegerField):
    """A whole JSON number, however it is written (1.0): "1" and true are not ones."""

    def to_internal_value(self, data: object) -> int:
        is_whole = isinstance(data, int) or (isinstance(data, float) and data.is_integer())
        if isinstance(data, bool) or not is_whole:
            self.fail("invalid")
        return super().to_internal_value(int(data))  # type: ignore[call-overload]  # one of the two


class Flag(serializers.BooleanField):
    """true or false of JSON: "yes", "0" and 1 are not ones."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class EmailAddress(Text):
    """One bare address in its canonical spelling: ASCII, lower case."""

    pattern = ADDRESS

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        try:
            if TREACHEROUS.search(text):
                raise email_validator.EmailNotValidError("Mail programs disagree on such an address.")
            checked = email_validator.validate_email(
                text, check_deliverability=False, allow_smtputf8=False, allow_quoted_local=False, strict=True
            )
        except email_validator.EmailNotValidError as error:
            raise serializers.ValidationError(str(error), code="invalid") from error
        return str(checked.ascii_email).lower()


class Metadata(serializers.DictField):
    """Up to 50 pairs of short strings, kept with the thing and given back with it."""

    child = Text(allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        pairs: dict[str, str] = super().to_internal_value(data)
        try:
            mailbox.check_metadata(pairs)
        except Invalid as error:
            error.extra["field"] = self.field_name
            raise
        return pairs


class Constant(serializers.Field[Any, Any, Any, Any]):
    """A member that the contract's clients want and that is the same for everybody here."""

    def __init__(self, value: object, *, schema: dict[str, object], **options: Any) -> None:
        super().__init__(**{"read_only": True, **options})
        self.value = value
        set_override(self, "field", schema)

    def get_attribute(self, instance: object) -> object:
        return self.value

    def to_representation(self, value: object) -> object:
        return value


def moment_text(moment: datetime) -> str:
    """A moment as the wire has it: 2026-05-01T00:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class NextCursor(serializers.CharField):
    """Where the next page begins."""

    def __init__(self) -> None:
        super().__init__(allow_null=True, help_text="Send it as `after`; null at the end.")
