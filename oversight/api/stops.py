"""Stops: what is stopped, stopping it, and where it is resumed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes import stop_labels, stops
from mailboxes.api import idempotency, pagination
from mailboxes.api.base import ApiView, respond
from mailboxes.api.fields import Moment, NextCursor, Text
from mailboxes.api.idempotency import Answer
from mailboxes.api.openapi import AFTER, IDEMPOTENCY_KEY, LIMIT, operation, path_id
from mailboxes.api.reading import Form
from mailboxes.errors import Forbidden, Invalid, NotFound
from mailboxes.models import Stop, StopScope
from mailboxes.stop_labels import Labelled

from .forms import Nothing

STOP_ID = path_id("id", "stop")
ASKED_SCOPES = [scope.value for scope in StopScope if scope != StopScope.EVERYTHING]
ACTIVE = OpenApiParameter("active", OpenApiTypes.STR, enum=["true"], description="Only those that are not over.")


class StopRequest(Form):
    scope = serializers.ChoiceField(choices=ASKED_SCOPES, help_text="What is stopped.")
    subjectId = serializers.UUIDField(
        required=False, allow_null=True, help_text="Of the mailbox, agent or key. Left out for the account."
    )
    reason = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=stops.REASON_LENGTH,
        help_text="Everybody reads it.",
    )


class StopSerializer(serializers.Serializer[Any]):
    """A stop: nothing of its subject leaves until it is resumed. What was accepted waits."""

    id = serializers.UUIDField(source="stop.id")
    scope = serializers.ChoiceField(choices=StopScope.values, source="stop.scope")
    subjectId = serializers.UUIDField(source="stop.subject_id", allow_null=True, help_text="Null: the whole server.")
    subject = serializers.SerializerMethodField(help_text="An address or a name, for people.")
    reason = serializers.SerializerMethodField()
    by = serializers.CharField(source="stop.by", help_text="member:<id>, agent:<id> or operator:<id>.")
    stoppedAt = Moment(source="stop.stopped_at")
    resumedAt = Moment(source="stop.resumed_at", allow_null=True)
    resumedBy = serializers.SerializerMethodField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_subject(self, told: Labelled) -> str | None:
        return told.label or None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_reason(self, told: Labelled) -> str | None:
        return told.stop.reason or None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_resumedBy(self, told: Labelled) -> str | None:
        return told.stop.resumed_by or None


class StopAnswerSerializer(serializers.Serializer[Any]):
    stop = StopSerializer()


class StopListSerializer(serializers.Serializer[Any]):
    stops = StopSerializer(many=True)
    nextCursor = NextCursor()


class StopView(ApiView):
    def one(self, stop: Stop) -> dict[str, Any]:
        (told,) = stop_labels.labelled(Stop.objects.filter(pk=stop.pk))
        return dict(StopAnswerSerializer({"stop": told}).data)


class Stops(StopView):
    @operation(
        "listStops",
        tag="Oversight",
        answers={200: StopListSerializer},
        errors=(400,),
        parameters=[ACTIVE, LIMIT, AFTER],
    )
    def get(self, request: Request) -> Response:
        """What is and was stopped, newest first: of your account, and this whole server while that is so.

        A scoped key sees the stops that hold its own mail.
        """
        limit, after = pagination.limit(request), pagination.asked_cursor(request)
        found = stop_labels.visible(self.principal)
        is_active = request.query_params.get("active")
        if is_active not in (None, "true"):
            raise Invalid("active is true, or left out.", code="invalid_field", fix="Send active=true.", field="active")
        if is_active:
            found = found.filter(resumed_at__isnull=True)
        if after:
            found = found.filter(after.behind("stopped_at", is_descending=True))
        told = stop_labels.labelled(found.order_by("-stopped_at", "-pk")[: limit + 1])
        cursor = pagination.next_cursor([(one.stop.stopped_at, one.stop.pk) for one in told], limit)
        return Response(StopListSerializer({"stops": told[:limit], "nextCursor": cursor and cursor.text()}).data)

    @operation(
        "createStop",
        tag="Oversight",
        request=StopRequest,
        answers={200: StopAnswerSerializer, 201: StopAnswerSerializer},
        errors=(400, 403, 404, 409, 422),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Stop all sending of the account, or that of one mailbox, agent or key. Once this has answered nothing starts.

        A reviewer's decide key stops anything of the account. An agent may stop itself: its own key, and with full
        access its own agent or a mailbox. Sends are accepted on and wait; nothing fails. 200: it was stopped already.
        Only people resume, in the console.
        """
        asked = self.asked(StopRequest)
        scope, subject = StopScope(asked["scope"]), asked.get("subjectId")
        if scope != StopScope.ACCOUNT and subject is None:
            raise Invalid(
                f"Which {scope.value} is to be stopped?",
                code="missing_field",
                fix=f"Send subjectId, the id of the {scope.value}.",
                field="subjectId",
            )

        def act() -> Answer:
            made = stops.stop(
                self.principal, scope=scope, subject_id=subject, reason=asked.get("reason") or "", now=self.now
            )
            standing = made or stops.find_active(self.principal, scope=scope, subject_id=subject)
            return Answer(201 if made else 200, self.one(standing))

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))


class ResumeStop(StopView):
    @operation(
        "resumeStop",
        tag="Oversight",
        request=Nothing,
        answers={200: StopAnswerSerializer},
        errors=(400, 403, 404),
        parameters=[STOP_ID, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, id: str) -> Response:
        """Sending is resumed by an owner or admin in the console, with a second step: no key does it.

        403 says where. 200 if it was resumed already.
        """
        self.asked(Nothing)
        stop = stop_labels.find(self.principal, id)
        if stop is None:
            raise NotFound("stop")
        if stop.resumed_at is None:
            raise Forbidden(
                "A key does not resume sending: that takes an owner or admin, and their second step.",
                code="second_step_required",
                fix=f"Open {settings.PUBLIC_URL}/stop/ and resume it there.",
            )

        def act() -> Answer:
            return Answer(200, self.one(stop))

        return respond(idempotency.once(request, account_id=self.principal.account.pk, act=act))
