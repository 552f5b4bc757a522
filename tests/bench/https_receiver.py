"""A receiver of webhooks that costs little: HTTPS on loopback, kept connections, 200 to all but `/hang`, which is
never answered. `argv[1]` is the folder of its certificate. Each line on stdin is answered with one of JSON:

`port` where it listens · `count` how many it took · `taken` for each its path, event, time and length · `clear`.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
taken: list[tuple[str, str, float, int]] = []


class Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while b"\r\n\r\n" in self._heard:
            head, _, rest = self._heard.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            self._heard = rest[length:]
            self._answer(first.split(" ")[1], headers.get("webhook-id", ""), length)

    def _answer(self, path: str, event_id: str, length: int) -> None:
        if path == "/hang":
            return
        taken.append((path, event_id, time.time(), length))
        self._transport.write(OK)


async def main() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(sys.argv[1]) / "certificate.pem", Path(sys.argv[1]) / "key.pem")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Peer, "127.0.0.1", 0, ssl=context, backlog=256)
    print(json.dumps({"ready": True}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(_answered(line.strip(), server)), flush=True)


def _answered(asked: str, server: asyncio.Server) -> dict[str, Any]:
    match asked:
        case "port":
            return {"port": server.sockets[0].getsockname()[1]}
        case "count":
            return {"count": len(taken)}
        case "taken":
            return {"taken": taken}
    taken.clear()
    return {}


if __name__ == "__main__":
    asyncio.run(main())
