"""A broker of a test's own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded.places import find_places
from config.embedded.valkey import EmbeddedValkey

PATIENCE = 120


@contextmanager
def running_valkey(folder: Path) -> Iterator[str]:
    """A Valkey with its socket near `folder`, by its URL; gone with the block."""
    server = EmbeddedValkey(find_places(folder))
    server.prepare()
    process = subprocess.Popen(server.argv, stdout=subprocess.DEVNULL, **server.spawn_options())
    try:
        until = time.monotonic() + PATIENCE
        while not server.is_ready():
            assert process.poll() is None, "Valkey did not start"
            assert time.monotonic() < until, "Valkey does not answer"
            time.sleep(0.02)
        yield server.url
    finally:
        process.kill()
        process.wait()
