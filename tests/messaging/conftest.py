"""What tests of requests to others' servers share."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging.safe_http import connecting
from tests.fakes.tls import Trust, server_context


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
