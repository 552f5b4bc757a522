"""System checks of the settings that mailboxes live by: what would otherwise fail at the first signup or send."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from . import domain_names
from .models import LimitKind
from .models.limit import lowest


@register()
def check_platform_domain(**_: Any) -> list[CheckMessage]:
    if domain_names.NAME.fullmatch(settings.PLATFORM_DOMAIN):
        return []
    hint = "Set it to a name like agents.example, an international one in its xn-- form."
    return [Error(f"PLATFORM_DOMAIN={settings.PLATFORM_DOMAIN!r} is no domain.", hint=hint, id="mailboxes.E001")]


@register()
def check_default_limits(**_: Any) -> list[CheckMessage]:
    hint = "Every kind of mailboxes.models.LimitKind needs a default; 0 is unlimited."
    return [
        Error(f"DEFAULT_LIMITS has no usable {kind.value}.", hint=hint, id="mailboxes.E003")
        for kind in LimitKind
        if settings.DEFAULT_LIMITS.get(kind.value, lowest(kind) - 1) < lowest(kind)
    ]


@register()
def check_review_time(**_: Any) -> list[CheckMessage]:
    if settings.REVIEW_EXPIRES_DAYS >= 1:
        return []
    hint = "Give people a day at least: what expires is never sent."
    return [Error("REVIEW_EXPIRES_DAYS is less than 1.", hint=hint, id="mailboxes.E004")]


@register()
def check_support_address(**_: Any) -> list[CheckMessage]:
    try:
        validate_email(settings.SUPPORT_EMAIL or "nobody@support.example")
    except ValidationError:
        hint = "Set it to one plain address, or leave it empty."
        return [Error(f"SUPPORT_EMAIL={settings.SUPPORT_EMAIL!r} is no address.", hint=hint, id="mailboxes.E007")]
    return []
