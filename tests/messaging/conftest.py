"""What tests of requests to others' servers share."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging import domain_checks
from messaging.safe_http import connecting, fetch, lines, names, urls
from tests.fakes.tls import Trust, server_context

LONG = 60.0


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of a test's own may take long to answer: it is the machine that is slow. Tests of our patience set it."""
    monkeypatch.setattr(names, "DNS_SECONDS", LONG)
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", LONG)
    monkeypatch.setattr(domain_checks, "BUDGET_SECONDS", LONG)
    for function in (fetch, urls.check_url, lines.Lines.post):
        assert function.__kwdefaults__ is not None
        monkeypatch.setitem(function.__kwdefaults__, "seconds", LONG)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trust]:
    """Makes a server's certificate for a host that is trusted while the test lasts."""

    def make(host: str, *, is_expired: bool = False) -> ssl.SSLContext:
        context, certificate = server_context(tmp_path, host=host, is_expired=is_expired)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        connecting.tls_context.cache_clear()
        return context

    connecting.tls_context.cache_clear()
    yield make
    connecting.tls_context.cache_clear()
