"""System checks of the ways out and of the files' storage: what can't work is told at start, not per mail."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from .outbound import delivery
from .safe_http import trust


@register(Tags.compatibility)
def check_way_out(**_kwargs: Any) -> list[CheckMessage]:
    return [Error(problem, id="messaging.E001") for problem in delivery.transport_problems()]


@register(Tags.compatibility)
def check_exceptions(**_kwargs: Any) -> list[CheckMessage]:
    return [Error(problem, id="messaging.E002") for problem in trust.problems()]


@register(Tags.security, deploy=True)
def check_webhook_exceptions(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.WEBHOOK_ALLOW:
        return []
    hint = "Leave out of WEBHOOK_ALLOW whatever need not be told: any account can make webhooks of what it names."
    named = ", ".join(settings.WEBHOOK_ALLOW)
    return [Warning(f"Webhooks may reach receivers past the guard: {named}.", hint=hint, id="messaging.W001")]


@register(Tags.compatibility)
def check_files_storage(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.FILES_BUCKET or find_spec("boto3"):
        return []
    hint = "Install it: pip install django-storages[s3]"
    return [Error("FILES_BUCKET is set, and boto3 is not installed.", hint=hint, id="messaging.E004")]


@register(Tags.compatibility)
def check_files_fit(**_kwargs: Any) -> list[CheckMessage]:
    # Base64 makes four characters of three bytes, and puts an end of line behind each 76 of them.
    on_the_wire = settings.MAX_FILES_SENT_BYTES * 4 // 3 * 78 // 76
    if on_the_wire <= settings.MAX_MESSAGE_BYTES:
        return []
    hint = f"Files of MAX_FILES_SENT_BYTES make a message of about {on_the_wire} bytes: raise MAX_MESSAGE_BYTES."
    return [Error("MAX_MESSAGE_BYTES is less than a message with its files has.", hint=hint, id="messaging.E003")]
