"""The bare fan-out: one LISTEN, one queue per client, the frame made once. An ASGI application without a framework."""

import asyncio
import os

import psycopg

HEAD = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache, no-transform")]
queues = set()
tasks = []


async def listen():
    async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        await connection.execute("LISTEN bare")
        async for told in connection.notifies():
            frame = b"id: 0\nevent: message.sent\ndata: " + told.payload.encode() + b"\n\n"
            for queue in queues:
                queue.put_nowait(frame)


async def application(scope, receive, send):
    if not tasks:
        tasks.append(asyncio.create_task(listen()))
    queue = asyncio.Queue()
    queues.add(queue)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": HEAD})
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        while True:
            await send({"type": "http.response.body", "body": await queue.get(), "more_body": True})
    finally:
        queues.discard(queue)
