"""What is answered of mail that is withheld over the month's inbound limit (contracts/robotomail.md, section 5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from mailboxes import inbound_usage
from mailboxes.api.fields import Moment, moment_text
from mailboxes.api.openapi import ErrorSerializer
from mailboxes.errors import Problem
from mailboxes.ids import parse_id
from mailboxes.models import Scope
from mailboxes.principals import Principal
from messaging.models import Message
from messaging.visibility import ANNOUNCED

# So often, in seconds, the sweep looks for what a month's end unlocks.
SWEPT_EVERY = 60


class ApiEndpointSerializer(serializers.Serializer[Any]):
    method = serializers.CharField()
    path = serializers.CharField()


class UpgradeHintSerializer(serializers.Serializer[Any]):
    browserUrl = serializers.URLField()
    apiEndpoint = ApiEndpointSerializer()
    hint = serializers.CharField()


class WithheldThingSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["message", "attachment"])
    id = serializers.UUIDField()


class WithheldErrorSerializer(ErrorSerializer):
    """A received message, or a file of one, that came over the month's inbound limit."""

    resource = WithheldThingSerializer()
    upgrade = UpgradeHintSerializer()  # type: ignore[assignment] # an object here, a string in all others
    recovery = serializers.ChoiceField(choices=["reset"])
    resetAt = Moment()


ANSWER = OpenApiResponse(WithheldErrorSerializer, "It came over the month's inbound limit and is withheld.")


class Withheld(Problem):
    """It came over the month's limit: kept, and not to be read yet."""

    status = 402
    code = "INBOUND_LIMIT_EXCEEDED"


def check_message(message: Message, *, now: datetime) -> None:
    """Refuse to show a withheld message."""
    _check(message, "message", message.pk, now=now)


def check_attachment(actor: Principal, attachment_id: object, *, now: datetime) -> None:
    """Refuse to show a file of a withheld message in the actor's scope; anything else passes."""
    actor.require(Scope.READ)
    parsed = parse_id(attachment_id)
    withheld = Message.objects.filter(ANNOUNCED, withheld_at__isnull=False, mailbox__in=actor.mailboxes())
    message = withheld.filter(attachments__pk=parsed).first() if parsed else None
    if parsed is not None and message is not None:
        _check(message, "attachment", parsed, now=now)


def upgrade_hint() -> dict[str, object]:
    """Where the limit is raised, by a person and by a program."""
    return {
        "browserUrl": f"{settings.PUBLIC_URL}/billing",
        "apiEndpoint": {"method": "POST", "path": "/v1/billing/upgrade"},
        "hint": "Raises the limits of the account; what is withheld is unlocked where it is.",
    }


def _check(message: Message, what: str, pk: UUID, *, now: datetime) -> None:
    if message.withheld_at is None:
        return
    assert message.received_at is not None
    reset_at = inbound_usage.next_month(message.received_at)
    seconds = max(int((reset_at - now).total_seconds()), SWEPT_EVERY)
    raise Withheld(
        f"This {what} came over the month's inbound limit: it is kept, and can't be read yet.",
        fix="POST /v1/billing/upgrade unlocks it, and so does resetAt. Asking again before is of no use.",
        headers={
            "Retry-After": str(seconds),
            "X-Robotomail-Retriable": "false",
            "X-Robotomail-Reset-At": moment_text(reset_at),
        },
        resource={"type": what, "id": str(pk)},
        upgrade=upgrade_hint(),
        recovery="reset",
        resetAt=moment_text(reset_at),
    )
