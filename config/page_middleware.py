"""What only pages need, left out where programs call: `/v1` knows no page's session, no language and no message bar.

Subclasses, so that tests and every server have the same chain. What is not here runs for both.
"""

from __future__ import annotations

from typing import Any

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware

API = ("/v1/", "/api/")
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class _PagesOnly:
    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(API):
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]  # the one that it is mixed into


class PageSession(_PagesOnly, SessionMiddleware):
    pass


class PageLanguage(_PagesOnly, LocaleMiddleware):
    pass


class PageUser(_PagesOnly, AuthenticationMiddleware):
    pass


class PageMessages(_PagesOnly, MessageMiddleware):
    pass


class ContentSecurityPolicy(CSPMiddleware):
    """For programs one that allows nothing: it costs no making."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith(API):
            response.headers[HEADER] = API_POLICY
            return response
        return super().process_response(request, response)
