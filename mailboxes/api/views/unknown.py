"""Addresses below `/v1` that do not exist: told in JSON, with a way back."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request

from mailboxes.api.base import OpenView
from mailboxes.errors import Problem

COMMON = [
    "POST /v1/signup",
    "GET /v1/account",
    "GET /v1/mailboxes",
    "GET /v1/mailboxes/{id}/messages",
    "POST /v1/mailboxes/{id}/messages",
    "GET /v1/mailboxes/{id}/threads",
    "GET /v1/oversight/pending",
]


class UnknownEndpoint(Problem):
    status = 404
    code = "NOT_FOUND"


class Unknown(OpenView):
    """404 for every method, before anything of the request is looked at."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise UnknownEndpoint(
            "There is no such endpoint.",
            fix="Look the address up in the documentation; addresses have no trailing slash.",
            message=f"{request.method} {request.path[:200]} does not exist.",
            resolution={
                "openapi": f"{settings.PUBLIC_URL}/v1/openapi.json",
                "docs": f"{settings.PUBLIC_URL}/docs",
                "endpoints": f"{settings.PUBLIC_URL}/docs",
                "commonEndpoints": COMMON,
            },
        )
