"""What every view of `/v1` does alike: key, JSON in and out, errors, and the quota headers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mailboxes import clock, inbound_usage
from mailboxes.errors import Forbidden
from mailboxes.inbound_usage import InboundUsage
from mailboxes.outages import Unavailable
from mailboxes.principals import Principal

from . import errors, reading
from .authentication import KeyAuthentication, SessionAuthentication
from .body import StrictJsonParser
from .errors import PlainProblem
from .idempotency import Answer
from .permissions import HasKey

WARNINGS = {"approaching": "approaching", "near": "near", "limit_reached": "reached"}


class JsonAlways(BaseContentNegotiation):
    """JSON, whatever Accept says: an error that can't be shown helps nobody."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class OpenView(APIView):
    """A view of `/v1` that needs no key."""

    authentication_classes: Any = ()
    permission_classes: Any = ()
    parser_classes: Any = (StrictJsonParser,)
    renderer_classes: Any = (JSONRenderer,)
    content_negotiation_class = JsonAlways
    http_method_names: Any = ("get", "head", "post", "put", "patch", "delete")

    @cached_property
    def now(self) -> datetime:
        """The moment of this request, read once."""
        return clock.now()

    @property
    def content(self) -> dict[str, Any]:
        """The request's JSON; {} without a body."""
        return dict(self.request.data)  # StrictJsonParser gives nothing but objects

    def asked(self, form: type[reading.Form]) -> dict[str, Any]:
        """The request's JSON, read by `form`."""
        return reading.read(form, self.content)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override("en"):  # programs read this, whatever language their host prefers
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Under /v1 nothing is redirected (the SDKs follow no redirect), so plain http is refused here.
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            raise Forbidden("This API speaks https only.", code="https_required", fix=f"Use {settings.PUBLIC_URL}/v1.")
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            raise PlainProblem(
                411, "length_required", "A body needs a Content-Length.", fix="Send the body in one piece, not chunked."
            )
        super().initial(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return errors.handle


class ApiView(OpenView):
    """A view of `/v1` for holders of a key or a session. `principal` is who calls."""

    authentication_classes = (KeyAuthentication, SessionAuthentication)
    permission_classes = (HasKey,)
    _principal: Principal | None = None

    @property
    def principal(self) -> Principal:
        assert self._principal is not None  # HasKey let nobody else pass
        return self._principal

    @cached_property
    def inbound_usage(self) -> InboundUsage:
        """The account's received mail of this month, asked for once a request."""
        return inbound_usage.find(self.principal.account, now=self.now)

    def perform_authentication(self, request: Request) -> None:
        user = request.user
        self._principal = user if isinstance(user, Principal) else None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        finished = super().finalize_response(request, response, *args, **kwargs)
        if self._principal is not None and finished.status_code != Unavailable.status:
            self._tell_usage(finished)
        return finished

    def _tell_usage(self, response: Response) -> None:
        try:
            usage = self.inbound_usage
        except DatabaseError:  # the answer stands; it is only told without its headers
            return
        response.headers["X-Robotomail-Inbound-Quota"] = f"{usage.current}/{usage.limit or 'unlimited'}"
        if usage.status in WARNINGS:
            response.headers["X-Robotomail-Inbound-Warning"] = WARNINGS[usage.status]


def respond(answer: Answer) -> Response:
    """The answer of a verb that may have been asked before (`idempotency.once`)."""
    headers = {"Idempotent-Replayed": "true"} if answer.is_replay else {}
    return Response(answer.body, status=answer.status, headers=headers)
