"""Whose request it is, when proxies of ours stand in front: the address they saw, not the proxy's own."""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ClientAddressMiddleware:
    """With TRUSTED_PROXIES=n, REMOTE_ADDR becomes the n-th address of X-Forwarded-For from its end.

    Each proxy appends whom it heard, so what stands further to the front is the client's own invention. With 0 the
    header is not looked at.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.TRUSTED_PROXIES and (address := _seen_by_proxies(request)):
            request.META["REMOTE_ADDR"] = address
        return self.get_response(request)


def _seen_by_proxies(request: HttpRequest) -> str | None:
    heard = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if len(heard) < settings.TRUSTED_PROXIES:
        return None
    try:
        return str(ipaddress.ip_address(heard[-settings.TRUSTED_PROXIES]))
    except ValueError:
        return None
