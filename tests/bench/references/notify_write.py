"""NOTIFY -> LISTEN -> write, and nothing else: every line that is notified goes to every socket. Prints its port."""

import asyncio
import os

import psycopg

writers = set()


async def take(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.0 200 OK\r\n\r\nretry: 1000\n\n")
    writers.add(writer)


async def main():
    server = await asyncio.start_server(take, "127.0.0.1", int(os.environ["PORT"]))
    async with server, await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        await connection.execute("LISTEN bare")
        async for told in connection.notifies():
            frame = b"id: 0\nevent: message.sent\ndata: " + told.payload.encode() + b"\n\n"
            for writer in writers:
                writer.write(frame)


asyncio.run(main())
