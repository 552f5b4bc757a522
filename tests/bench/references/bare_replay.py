"""The bare loop: keyset pages of 1,000 rows, a dict each, JSON, a frame, one write a page to whoever connects."""

import asyncio
import json
import os

import psycopg

PAGE = """
SELECT seq, id, kind, subject, mailbox_id, data, created_at FROM mailboxes_event
WHERE account_id = %s AND seq > %s ORDER BY seq LIMIT 1000
"""


def frames(rows):
    for _, pk, kind, _, _, data, at in rows:
        body = {"id": str(pk), "event": kind, "timestamp": at.isoformat(), "data": json.loads(data)}
        yield f"id: {pk}\nevent: {kind}\ndata: {json.dumps(body)}\n\n".encode()


async def replay(reader, writer):
    asked = await reader.readuntil(b"\r\n\r\n")
    account, place = asked.split(b" ", 2)[1].decode().strip("/").split("/")
    writer.write(b"HTTP/1.0 200 OK\r\n\r\nretry: 1000\n\n")
    last = int(place)
    async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        while rows := await (await connection.execute(PAGE, [account, last], prepare=True)).fetchall():
            writer.write(b"".join(frames(rows)))
            await writer.drain()
            last = rows[-1][0]
    writer.close()


async def main():
    server = await asyncio.start_server(replay, "127.0.0.1", int(os.environ["PORT"]))
    async with server:
        await server.serve_forever()


asyncio.run(main())
