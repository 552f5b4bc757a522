"""HTTP on a fixed set of threads: who finds them busy waits, and a body that streams holds none of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import override_settings
from django.urls import path

from config.threaded import ThreadedHandler

THREADS = 2
PATIENCE = 60
_at_work: set[int] = set()
_most_at_once: list[int] = []


def _slow(request: HttpRequest) -> HttpResponse:
    _at_work.add(threading.get_ident())
    _most_at_once.append(len(_at_work))
    time.sleep(0.05)
    _at_work.discard(threading.get_ident())
    return HttpResponse(threading.current_thread().name)


def _stream(request: HttpRequest) -> HttpResponseBase:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"tick\n"
            await asyncio.sleep(0.01)

    return StreamingHttpResponse(parts())


urlpatterns = [path("slow", _slow), path("stream", _stream)]


@pytest.fixture
def handler() -> ThreadedHandler:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["testserver"]):
        return ThreadedHandler(threads=THREADS)


def asking(handler: ThreadedHandler, address: str) -> Any:
    scope = {
        "type": "http",
        "method": "GET",
        "path": address,
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }
    return ApplicationCommunicator(handler, scope)  # type: ignore[no-untyped-call]


async def answer(handler: ThreadedHandler, address: str) -> tuple[int, bytes]:
    client = asking(handler, address)
    await client.send_input({"type": "http.request"})
    start: dict[str, Any] = await client.receive_output(PATIENCE)
    body: dict[str, Any] = await client.receive_output(PATIENCE)
    await client.wait(PATIENCE)
    return start["status"], body["body"]


@override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"])
async def test_requests_beyond_the_threads_wait_their_turn(handler: ThreadedHandler) -> None:
    _most_at_once.clear()
    answers = await asyncio.gather(*(answer(handler, "/slow") for _ in range(10)))
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) <= THREADS
    assert max(_most_at_once) <= THREADS


@override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"])
async def test_streams_hold_no_thread_and_end_with_their_reader(handler: ThreadedHandler) -> None:
    streams = [asking(handler, "/stream") for _ in range(THREADS + 3)]
    for stream in streams:
        await stream.send_input({"type": "http.request"})
        assert (await stream.receive_output(PATIENCE))["status"] == 200
        assert (await stream.receive_output(PATIENCE))["body"] == b"tick\n"
    assert (await answer(handler, "/slow"))[0] == 200
    for stream in streams:
        await stream.send_input({"type": "http.disconnect"})
        await stream.wait(PATIENCE)


@override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"])
async def test_a_client_that_leaves_before_it_has_asked_is_no_error(handler: ThreadedHandler) -> None:
    client = asking(handler, "/slow")
    await client.send_input({"type": "http.disconnect"})
    await client.wait(PATIENCE)
    assert await client.receive_nothing()
