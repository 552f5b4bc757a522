"""One post, over a connection that is not kept."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from messaging.safe_http import Fetched, Lines

PATIENCE = 60.0


def post(url: str, *, body: bytes, headers: Mapping[str, str], seconds: float = PATIENCE) -> Fetched:
    parts = urlsplit(url)
    allow = frozenset({(parts.hostname, parts.port)}) if parts.hostname and parts.port else frozenset()
    with Lines() as made:
        return made.post(url, body=body, headers=headers, seconds=seconds, allow=allow)
