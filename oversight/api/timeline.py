"""`GET /v1/mailboxes/{id}/messages/{msgId}/timeline`: what became of a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.api.fields import Moment, moment_text
from mailboxes.api.openapi import MAILBOX_ID, operation
from messaging.api import withheld
from messaging.api.views import MailView
from oversight import timeline
from oversight.timeline import Kind, Step

from .messages import MESSAGE_ID


class ActorSerializer(serializers.Serializer[Any]):
    role = serializers.CharField(help_text="agent, member, policy, sender or platform; more may come.")
    name = serializers.CharField(help_text="For people; empty where it is not known.")


class StepSerializer(serializers.Serializer[Any]):
    """One thing that happened."""

    at = Moment()
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind], help_text="More may come.")
    text = serializers.CharField(help_text="A sentence for people.")
    by = ActorSerializer(required=False, help_text="Who did it, where somebody did.")
    data = serializers.DictField(help_text="Facts by kind; members may be added.")  # type: ignore[assignment] # a field


class TimelineSerializer(serializers.Serializer[Any]):
    timeline = StepSerializer(many=True, help_text="Oldest first.")
    complete = serializers.BooleanField(help_text="The message is in a final state.")
    hasMore = serializers.BooleanField(help_text="Older attempts, reviews, reports or webhook deliveries are left out.")


class MessageTimeline(MailView):
    @operation(
        "getMessageTimeline",
        parameters=[MAILBOX_ID, MESSAGE_ID],
        tag="Messages",
        answers={200: TimelineSerializer, 402: withheld.ANSWER},
        errors=(403, 404),
    )
    def get(self, request: Request, id: str, msgId: str) -> Response:
        """What became of one message: who asked, what the policy and people decided, every try with its answer.

        Of a sent message: `intent`, `trigger` (the message it answers), `key` (the one that asked was revoked),
        `verdict`, `review` (`data.action` is opened, approved, rejected, edited, returned, reopened or undone),
        `attempt` (one for each try for each recipient, with the mail server's code and text), `feedback`
        (`data.state` is delivered, bounced or complained), `suppression`,
        `outcome`, `cancelled`, `expired`. Of a received one: `arrived`, `checks`, `filed`, `trigger`, `released`,
        `told`, `unlocked`. Of both `webhook`: what each webhook that the key may see was told of it. Nothing is made
        up: what was erased, or was never noted, is not there. `complete` false: the message is on its way or waits.
        True promises no silence: reports and webhook deliveries may still follow.
        """
        told = timeline.of(self.get_message(self.mailbox(id), msgId), actor=self.principal)
        steps = [_wire(step) for step in told.steps]
        return Response({"timeline": steps, "complete": told.is_complete, "hasMore": told.has_more})

    def related(self) -> Sequence[str]:
        return ("agent", "key", "member__user")


def _wire(step: Step) -> dict[str, object]:
    by = {"by": {"role": step.by.role, "name": step.by.name}} if step.by else {}
    return {"at": moment_text(step.at), "kind": step.kind.value, "text": step.text, **by, "data": _value(step.data)}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, Mapping):
        return {name: _value(one) for name, one in value.items()}
    return [_value(one) for one in value] if isinstance(value, list) else value
