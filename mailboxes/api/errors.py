"""One shape for everything that goes wrong on `/v1`: {error, code, fix, requestId, docs} and what the problem adds."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.http import Http404
from django.http.request import UnreadablePostError
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.errors import Problem
from mailboxes.outages import find_outage

log = structlog.get_logger(__name__)


class ServerError(Problem):
    """A fault of ours. The sentence gives nothing away; the log has it under the request's id."""

    status = 500
    code = "server_error"


class PlainProblem(Problem):
    """A refusal of the HTTP layer, with the status it has there."""

    def __init__(self, status: int, code: str, sentence: str, *, fix: str) -> None:
        super().__init__(sentence, code=code, fix=fix)
        self.status = status


def handle(error: Exception, context: dict[str, object]) -> Response:
    """The JSON answer to any exception; DRF calls it. What nobody foresaw is logged and told as a 500."""
    request = context["request"]
    assert isinstance(request, Request)
    problem = as_problem(error)
    if isinstance(problem, ServerError):
        # The log and the tests' client learn of the exception as if Django itself had caught it.
        got_request_exception.send(sender=type(context["view"]), request=request._request)
        log.error("api.failed", path=request.path, exc_info=error)
    return Response(body_of(problem, request), status=problem.status, headers=problem.headers)


def body_of(problem: Problem, request: Request) -> dict[str, object]:
    """The members of an error's JSON."""
    return {
        "error": problem.sentence,
        "code": problem.code,
        "fix": problem.fix,
        "requestId": getattr(request._request, "id", ""),
        "docs": f"{settings.PUBLIC_URL}/docs#errors",
        **problem.extra,
    }


def as_problem(error: Exception) -> Problem:
    """The problem behind an exception of ours, of DRF, of Django or of the database."""
    if isinstance(error, Problem):
        return error
    if outage := find_outage(error):
        log.warning("api.database_unavailable", code=outage.code, error=str(error))
        return outage
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, RequestDataTooBig):
        return PlainProblem(413, "body_too_large", "The request is too large.", fix="Send less.")
    if isinstance(error, SuspiciousOperation | BadRequest | UnreadablePostError):
        return PlainProblem(400, "bad_request", "The request can't be read.", fix="Check what your client sends.")
    if isinstance(error, Http404):
        return PlainProblem(404, "NOT_FOUND", "There is nothing here.", fix="Check the address.")
    if isinstance(error, PermissionDenied):
        return PlainProblem(403, "forbidden", "You may not do this.", fix="Use another key.")
    return ServerError("Something broke on our side.", fix="Try again; if it stays, tell the operator the requestId.")


def _of_framework(error: exceptions.APIException) -> Problem:
    if isinstance(error, exceptions.MethodNotAllowed):
        return PlainProblem(405, "method_not_allowed", str(error.detail), fix="Use a method that this address knows.")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return PlainProblem(
            415,
            "unsupported_media_type",
            "The body must be JSON.",
            fix="Send JSON with the header Content-Type: application/json.",
        )
    return PlainProblem(error.status_code, str(error.get_codes()), str(error.detail), fix="Correct the request.")
