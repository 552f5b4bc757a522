"""How the operations are told in `/v1/openapi.json`, and the view that serves it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from . import field_schemas, pagination
from .base import OpenView
from .fields import Moment

Method = TypeVar("Method", bound=Callable[..., Any])

ANSWERS = {200: "Done.", 201: "Made.", 202: "Due now; what becomes of it is told later."}
ERRORS = {
    400: "The request is wrong: `field` names what, where one field is at fault.",
    401: "The key is missing, malformed, unknown, revoked or expired, or the session is over; `code` says which.",
    403: "The key or the account may not do this; `code` says why.",
    404: "Absent, somebody else's, or out of the key's scope: the three are told alike.",
    409: "The thing is taken, changed, or past the state in which this could be done.",
    410: "Its time is over.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The Idempotency-Key was used for another request.",
    429: "A limit is used up; Retry-After says how long, where waiting helps.",
    502: "A service that we need did not answer as it should.",
    503: "This server does not offer it, or can't right now; `code` says which.",
}


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error of `/v1`. Some have more members than these."""

    error = serializers.CharField(help_text="One sentence for people.")
    code = serializers.CharField(help_text="Stable, for programs.")
    fix = serializers.CharField(help_text="What to do about it.")
    requestId = serializers.CharField(help_text="Names this request in the server's log.")
    docs = serializers.CharField(help_text="Where errors are described.")
    field = serializers.CharField(required=False, allow_null=True, help_text="The field at fault.")
    upgrade = serializers.CharField(required=False, help_text="How a limit of the plan is raised.")


class PendingApprovalSerializer(serializers.Serializer[Any]):
    """Nothing was done yet: a person of the account was asked."""

    status = serializers.ChoiceField(choices=["pending_approval"])
    message = serializers.CharField(help_text="What to do now.")
    permitId = serializers.UUIDField()
    expiresAt = Moment(help_text="The person answers before that, or must be asked again.")


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's
    target_class = "mailboxes.api.authentication.KeyAuthentication"
    name = "ApiKeyAuth"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer gp_live_…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular's
    target_class = "mailboxes.api.authentication.SessionAuthentication"
    name = "SessionCookie"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        told = "From POST /api/auth/sign-in/email; full access, in place of a key."
        return {"type": "apiKey", "in": "cookie", "name": settings.API_SESSION_COOKIE_NAME, "description": told}


# Known to drf-spectacular by having been imported.
EXTENSIONS = (
    field_schemas.FormSchema,
    field_schemas.TextSchema,
    field_schemas.MetadataSchema,
    KeyScheme,
    SessionScheme,
)

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
    OpenApiParameter.HEADER,
    description="A fresh id for this request: sent again with the same key and body it has its effect once and gives "
    "the same answer.",
)
APPROVAL_CODE = OpenApiParameter(
    "Approval-Code",
    {"type": "string"},
    OpenApiParameter.HEADER,
    description="After a 202 `pending_approval`: the code that your human reads out, with exactly the same call.",
)
AFTER = OpenApiParameter(
    "after", {"type": "string", "pattern": pagination.SHAPE}, description="`nextCursor` of the page before."
)
LIMIT = OpenApiParameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": pagination.MAX_LIMIT, "default": pagination.DEFAULT_LIMIT}
)


def path_id(name: str, what: str) -> OpenApiParameter:
    """A parameter of the path that names a thing by its id."""
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.PATH, description=f"Id of the {what}.")


MAILBOX_ID = path_id("id", "mailbox")


def operation(
    name: str,
    *,
    tag: str,
    answers: Mapping[Any, Any],
    errors: Sequence[int] = (),
    needs_key: bool = True,
    parameters: Sequence[Any] = (),
    request: Any = None,
) -> Callable[[Method], Method]:
    """Describe one operation: its id, what it answers, and which errors it may give besides.

    `answers` is by status or, where it is no JSON, by status and media type.
    """
    done = {status: _response(answer, status) for status, answer in answers.items()}
    repeated = {409, 422} if IDEMPOTENCY_KEY in parameters else set()
    if APPROVAL_CODE in parameters:
        done[202] = OpenApiResponse(PendingApprovalSerializer, "Not done: it waits for a person's leave.")
        repeated |= {403, 404, 409, 429}
    statuses = sorted({*errors, *repeated, *({401} if needs_key else ())})
    told = {status: OpenApiResponse(ErrorSerializer, ERRORS[status]) for status in statuses}
    other = {"default": OpenApiResponse(ErrorSerializer, "Anything else that goes wrong.")}
    described: Callable[[Method], Method] = extend_schema(
        operation_id=name,
        summary=_words(name),
        tags=[tag],
        request=request,
        responses={**done, **told, **other},
        parameters=[*parameters, *(_usage_headers([_status(key) for key in done]) if needs_key else ())],
        auth=None if needs_key else [],
    )
    return described


def _response(answer: Any, status: int) -> OpenApiResponse:
    return answer if isinstance(answer, OpenApiResponse) else OpenApiResponse(answer, ANSWERS[status])


def _words(name: str) -> str:
    return re.sub("([A-Z])", r" \1", name).capitalize()


def _status(key: int | tuple[int, str]) -> int:
    return key[0] if isinstance(key, tuple) else key


def _usage_headers(statuses: list[int | str]) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(
            "X-Robotomail-Inbound-Quota",
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            response=statuses,
            description="Received this month / limit or `unlimited`.",
        ),
        OpenApiParameter(
            "X-Robotomail-Inbound-Warning",
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            response=statuses,
            enum=["approaching", "near", "reached"],
            description="From 50 % of the limit on.",
        ),
    ]


def only_v1(endpoints: list[tuple[str, str, str, Any]], **_: object) -> list[tuple[str, str, str, Any]]:
    """A hook of drf-spectacular: of all endpoints those for programs."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(("/v1/", "/api/"))]


def tidy(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """A hook of drf-spectacular: drops its own marks on lists of values, and says that an upload has a body."""
    cleaned = _without_marks(result)
    assert isinstance(cleaned, dict)
    for operation in (one for methods in cleaned["paths"].values() for one in methods.values()):
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", ()):
            operation["requestBody"]["required"] = True
    return cleaned


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_marks(inner) for name, inner in value.items() if name != "x-spec-enum-id"}
    return [_without_marks(inner) for inner in value] if isinstance(value, list) else value


class Schema(OpenView):
    """This API, described for programs."""

    schema = None

    def get(self, request: Request) -> Response:
        return Response(document())


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of everything that `/v1` routes; made once, to be read only."""
    content: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular's
    return content
