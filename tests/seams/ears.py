"""A lean client of event streams: one raw socket in the loop each, so that many of them cost little."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

LIMIT = 4 * 1024 * 1024  # of one frame
PATIENCE = 120.0


class Refused(Exception):
    """The stream was not opened; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame: its id ("" where it has none), the event's name, the text of its data."""

    id: str
    kind: str
    data: str


class Ear:
    """An open stream; iterate over what is heard. It ends when the server ends it, or at `close`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def __aiter__(self) -> AsyncIterator[Heard]:
        return self

    async def __anext__(self) -> Heard:
        """The next frame that tells something: comments and `retry` are passed over. What came in half is dropped."""
        while True:
            try:
                frame = await self._reader.readuntil(b"\n\n")
            except (asyncio.IncompleteReadError, OSError):
                raise StopAsyncIteration from None
            heard = _heard(frame)
            if heard is not None:
                return heard

    def close(self) -> None:
        """Leave at once, without a word; what the socket holds still is lost."""
        self._writer.transport.abort()


async def listen(port: int, key: str, *, last: str = "", query: str = "events=*") -> Ear:
    """A stream of the server at `port`, going on behind the event `last`. Raises Refused, or OSError."""
    # HTTP/1.0, so that the body comes without chunks.
    head = f"GET /v1/events?{query} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    place = f"Last-Event-ID: {last}\r\n" if last else ""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)
        try:
            writer.write(f"{head}{place}Accept: text/event-stream\r\n\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
        except BaseException as error:
            writer.transport.abort()
            if isinstance(error, asyncio.IncompleteReadError):
                raise ConnectionResetError from error
            raise
    status = int(answer.split(b" ", 2)[1])
    if status != 200:
        writer.transport.abort()
        raise Refused(status)
    return Ear(reader, writer)


def ask(port: int, key: str, path: str) -> tuple[int, Any]:
    """Status and JSON of one GET."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def _heard(frame: bytes) -> Heard | None:
    lines = [line for line in frame.decode().split("\n") if line and not line.startswith(":")]
    fields = dict(line.split(": ", 1) for line in lines)
    return Heard(fields.get("id", ""), fields["event"], fields["data"]) if "event" in fields else None
