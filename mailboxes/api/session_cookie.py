"""The cookie that stands in place of a key on `/v1`, and what a request that brings it must show besides."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from mailboxes.errors import Forbidden

from .errors import PlainProblem

JSON, UPLOAD = "application/json", "multipart/form-data"


def give(response: Response, secret: str) -> None:
    """Set the cookie: for `/v1`, and beside it for the sign-in's own addresses, where it is replaced or ended."""
    for name, path in _places():
        response.set_cookie(
            name,
            secret,
            max_age=settings.API_SESSION_HOURS * 3600,
            path=path,
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )


def take_away(response: Response) -> None:
    for name, path in _places():
        response.delete_cookie(name, path=path, samesite="Lax")


def find(request: Request) -> str | None:
    """The secret that the request brings, if any. Never empty."""
    brought = (request.COOKIES.get(name) for name, _ in _places())
    return next((secret for secret in brought if secret), None)


def check_write(request: Request) -> None:
    """Refuse a write that a page of somebody else could have made the browser send with our cookie.

    Browsers name the page's origin with every write, and let no foreign page send JSON. Raises Forbidden (cross_origin)
    or a 415. Programs that are no browsers send no Origin, and need none but for an upload.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if origin not in (None, *_own_origins(request._request)) or (origin is None and kind == UPLOAD):
        raise Forbidden(
            "This request comes from a page of another site, or does not say where it comes from.",
            code="cross_origin",
            fix=f"Send it from {settings.PUBLIC_URL}, or with a key in place of the cookie.",
        )
    if kind not in ("", JSON, UPLOAD):
        raise PlainProblem(
            415,
            "unsupported_media_type",
            "With a session's cookie a body must be JSON.",
            fix="Send JSON with the header Content-Type: application/json.",
        )


def _places() -> tuple[tuple[str, str], ...]:
    name = settings.API_SESSION_COOKIE_NAME
    return (name, "/v1"), (f"{name}_auth", "/api/auth")


def _own_origins(request: HttpRequest) -> tuple[str, str]:
    # The second is whatever name of ours (ALLOWED_HOSTS) the browser called: localhost as well as 127.0.0.1.
    return settings.PUBLIC_URL, f"{request.scheme}://{request.get_host()}"
