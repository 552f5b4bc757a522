"""Whose request it is, when proxies of ours stand in front (`mailboxes.client_address`)."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from mailboxes import client_address


class ClientAddressMiddleware:
    """With TRUSTED_PROXIES=n, REMOTE_ADDR becomes the n-th address of X-Forwarded-For from its end."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR", "")
        peer = request.META.get("REMOTE_ADDR") or ""
        if address := client_address.of(peer, forwarded_for, proxies=settings.TRUSTED_PROXIES):
            request.META["REMOTE_ADDR"] = address
        return self.get_response(request)
