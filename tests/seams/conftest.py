from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from messaging.events import doorbell
from messaging.silence import Silence
from tests.chaos.conftest import crew as crew
from tests.chaos.conftest import warm as warm
from tests.valkey import running_valkey


@pytest.fixture
def layer(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The channel layer of a real Valkey, for us who write and for the servers of a crew."""
    monkeypatch.setattr(doorbell, "_silence", Silence())
    with running_valkey(tmp_path) as url:
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        layers = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [url]}}}
        settings.CHANNEL_LAYERS = layers
        yield layers
