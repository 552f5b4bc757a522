"""Django under ASGI on a fixed set of threads: a request is one step into a thread and one step back.

Django's own handler gives every request a thread of its own and changes between it and the event loop at each
middleware; with as many clients, that is most of the work. Here the whole chain runs in one of `THREADS` threads, as
it would under WSGI, and a request that finds them busy waits its turn instead of asking for one more connection.
Bodies that stream are still sent on the event loop and hold no thread.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any

import structlog
from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from config import outflow
from config.outflow import SlowClient

THREADS = 24

log = structlog.get_logger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class ThreadedHandler(ASGIHandler):
    """The HTTP application. Its middleware and views are synchronous."""

    def __init__(self, *, threads: int = THREADS) -> None:
        BaseHandler.__init__(self)
        self.load_middleware()
        pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        # Not asyncio's own way into a thread: code in there must find its way back to this event loop (channel layer).
        self._answer = sync_to_async(self._answer_in_thread, thread_sensitive=False, executor=pool)
        self._close = sync_to_async(_close, thread_sensitive=False, executor=pool)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        response = await self._answer(scope, body)
        if not response.streaming:
            await self.send_response(response, send)
            return
        try:
            await self._send_until_disconnect(response, receive, send)
        finally:
            await self._close(response)

    def _answer_in_thread(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        with body:
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=self.__class__, scope=scope)
            request, refusal = self.create_request(scope, body)
            response = refusal if request is None else self.get_response(request)
            assert response is not None
            if response.streaming:
                response.block_size = self.chunk_size  # type: ignore[attr-defined]
                close_old_connections()  # `close` comes in another thread, and much later
            else:
                response.close()  # says request_finished, which gives the connection back
        return response

    async def _send_until_disconnect(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send_body(response, send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:  # also when the server ends
            for task in (sending, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError, RequestAborted):
                    await task

    async def _send_body(self, response: HttpResponseBase, send: Send) -> None:
        """No faster than the client takes it. It is broken off where it fails: there is no other answer any more."""
        way = outflow.find()
        if way is None:
            await self.send_response(response, send)
            return
        try:
            await self.send_response(response, outflow.patient(send, way))
        except SlowClient:
            log.info("stream.cut")
        except Exception as error:
            log.error("stream.failed", exc_info=error)
            way.cut()


def _close(response: HttpResponseBase) -> None:
    response.close()
