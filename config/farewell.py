"""How Daphne ends: whoever still listens is told to come again, and has a moment to hear it."""

from __future__ import annotations

import asyncio

from daphne.server import Server
from twisted.internet.defer import Deferred

PATIENCE_SECONDS = 1.5


def end_applications(server: Server) -> Deferred[object]:
    """Cancel what still runs, and wait for it.

    Daphne's own way stumbles over the first connection that has no application any more, and waits for one of the rest.
    """
    found = (details.get("application_instance") for details in server.connections.values())
    running = [one for one in found if one is not None and not one.done()]
    for one in running:
        one.cancel()
    return Deferred.fromFuture(asyncio.ensure_future(_wait_for(running)))


async def _wait_for(running: list[asyncio.Future[object]]) -> None:
    if running:
        await asyncio.wait(running, timeout=PATIENCE_SECONDS)
