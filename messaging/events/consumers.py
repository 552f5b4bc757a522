"""`/v1/events/ws`: an account's events as they happen, one text frame each, for whoever brings a key.

A plain ASGI application: one socket is a line of steps, not a set of handlers. It has no channel of its own (the hub's
is the process's), and while it waits no thread and no database connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.http import QueryDict

from mailboxes import keys
from mailboxes.api import authentication
from mailboxes.api.errors import ServerError, as_problem
from mailboxes.errors import Forbidden, Problem

from . import asking, hub
from .asking import Asked
from .subscription import Ending, Subscription
from .threads import in_replayer
from .wire import LATER, NORMAL, RESTART, Left, Receive, Scope, Send, Wire, address_of, header_of

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 0.05
CODES = {Ending.OVER: NORMAL, Ending.SLOW: LATER, Ending.FAILED: LATER}


async def event_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """One socket, from its handshake to its end."""
    wire = Wire(receive, send)
    await wire.open()
    try:
        await _serve(wire, scope)
    except Left:
        return
    except asyncio.CancelledError:
        await _say_farewell(wire)
        raise
    except Exception as error:
        await wire.refuse(_problem(error))


async def _serve(wire: Wire, scope: Scope) -> None:
    query = QueryDict(scope["query_string"])
    _refuse_open_secrets(scope, query)
    authorization = header_of(scope, b"authorization")
    if authorization is None:
        authorization = await wire.authorization(seconds=settings.SOCKET_KEY_SECONDS)
    asked = await in_replayer(partial(asking.read, authorization, query, address=address_of(scope)))
    try:
        await _listen(wire, asked)
    finally:
        await in_replayer(asked.lease.release)


async def _listen(wire: Wire, asked: Asked) -> None:
    told = hub.subscribe(
        asked.filter,
        account_id=asked.account_id,
        key_id=asked.key_id,
        after=asked.after,
        seconds=settings.SOCKET_SECONDS,
    )
    with told, asked.lease.held():
        if asked.lost:
            await wire.control("reset", reason=asked.lost)
        await wire.control("ready", cursor=asked.cursor)
        await _until_first(_tell(wire, told), wire.until_left())
        await _end(wire, told.ended)


async def _tell(wire: Wire, told: Subscription) -> None:
    async for frame in told:
        if frame is None:
            await wire.control("heartbeat")
        else:
            await wire.tell(frame.told.body)


async def _end(wire: Wire, why: Ending | None) -> None:
    """Say why nothing more comes; None is a client that left."""
    if why is None:
        return
    if why is Ending.SHUT_OUT:
        raise keys.revoked()
    await wire.control("reconnect")
    await wire.close(CODES[why])


def _refuse_open_secrets(scope: Scope, query: QueryDict) -> None:
    authentication.refuse_key_in_query(query.items())
    if settings.SECURE_SSL_REDIRECT and not _is_secure(scope):
        raise Forbidden("This API speaks https only.", code="https_required", fix="Use wss:// instead of ws://.")


def _is_secure(scope: Scope) -> bool:
    name, value = settings.SECURE_PROXY_SSL_HEADER
    header = name.removeprefix("HTTP_").replace("_", "-").lower().encode()
    return scope.get("scheme") == "wss" or header_of(scope, header) == value


async def _until_first(*steps: Coroutine[Any, Any, None]) -> None:
    """Run all of them until one has ended, then none."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _say_farewell(wire: Wire) -> None:
    """The server stops: the client is told to come back, which the last of its turns of the loop carries out."""
    with suppress(Exception):
        await wire.control("reconnect")
        await wire.close(RESTART)
        await asyncio.sleep(FLUSH_SECONDS)


def _problem(error: Exception) -> Problem:
    problem = as_problem(error)
    if isinstance(problem, ServerError):
        log.error("socket.failed", exc_info=error)
    return problem
