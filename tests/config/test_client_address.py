"""Behind proxies of ours the client's address is what they saw; what the client wrote itself is not believed."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from config.client_address import ClientAddressMiddleware


def address_of(forwarded_for: str | None) -> str:
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for is not None else {}
    ClientAddressMiddleware(view)(RequestFactory().get("/", headers=headers))
    return seen[0]


@pytest.mark.parametrize(
    ("proxies", "forwarded_for", "expected"),
    [
        (0, "198.51.100.7", "127.0.0.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "198.51.100.7", "127.0.0.1"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, "not an address", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, None, "127.0.0.1"),
    ],
)
def test_the_address_is_the_one_that_the_outermost_proxy_of_ours_saw(
    proxies: int, forwarded_for: str | None, expected: str, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert address_of(forwarded_for) == expected
