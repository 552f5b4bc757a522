"""System checks: what would otherwise fail late and quietly."""

from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from mailboxes.modes import OversightMode


@register(Tags.compatibility)
def check_channel_layer(**_kwargs: Any) -> list[CheckMessage]:
    # Channels swallows a KeyError of the layer's constructor and hands out None.
    if get_channel_layer() is not None:
        return []
    return [Error("The channel layer is not configured.", hint="Look at CHANNEL_LAYERS.", id="gatepost.E001")]


@register(Tags.security, deploy=True)
def check_faultpoints(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.FAULTPOINTS_REQUESTED:
        return []
    return [Error("FAULTPOINTS is set: it is for tests.", hint="Unset it.", id="gatepost.E002")]


@register(Tags.security, deploy=True)
def check_admin_requires_mfa(**_kwargs: Any) -> list[CheckMessage]:
    if settings.ADMIN_REQUIRES_MFA:
        return []
    hint = "Set ADMIN_REQUIRES_MFA=1 once every operator has switched a second step on (the page Security)."
    return [Warning("A password alone opens Django admin.", hint=hint, id="gatepost.W001")]


@register(Tags.database)
def check_same_database(**_kwargs: Any) -> list[CheckMessage]:
    if settings.DATABASES["default"]["NAME"] == settings.DATABASE_ADMIN["NAME"] or settings.TESTING:
        return []
    return [Error("DATABASE_URL and DATABASE_ADMIN_URL name different databases.", id="gatepost.E003")]


@register(Tags.compatibility)
def check_default_mode(**_kwargs: Any) -> list[CheckMessage]:
    if settings.DEFAULT_MODE in set(OversightMode):
        return []
    known = ", ".join(OversightMode)
    return [
        Error(f"DEFAULT_MODE={settings.DEFAULT_MODE} is no mode.", hint=f"Choose one of {known}.", id="gatepost.E004")
    ]
