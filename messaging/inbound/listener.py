"""The socket that mail arrives at."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType

from .database_threads import DatabaseThreads
from .receiver import Receiver
from .smtp_server import Doorkeeper, StrictSMTP
from .storekeeper import Storekeeper

THREADS = 4
BACKLOG = 256
# aiosmtpd writes a line for every command, with addresses in it: that is not for the log.
logging.getLogger("mail.log").setLevel(logging.ERROR)
GRACE_SECONDS = 3.0


class Listener:
    """Takes mail on host:port while the `async with` lasts. Port 0 means any free one; see `port`."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self.port = host, port
        self._database = DatabaseThreads(THREADS)
        self._storekeeper = Storekeeper()
        self._receiver = Receiver(self._database, self._storekeeper)
        self._doorkeeper = Doorkeeper()
        self._sessions: set[StrictSMTP] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Listener:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_session, self._host, self.port, backlog=BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """No new session; those that are taking a mail may finish it; then all are closed."""
        assert self._server is not None
        self._server.close()
        await self._finish_sessions()
        await self._storekeeper.close()
        await self._database.close()

    def _new_session(self) -> StrictSMTP:
        return StrictSMTP(self._receiver, doorkeeper=self._doorkeeper, sessions=self._sessions)

    async def _finish_sessions(self) -> None:
        storing = [asyncio.create_task(session.stored()) for session in self._sessions]
        if storing:
            await asyncio.wait(storing, timeout=GRACE_SECONDS)
        for session in list(self._sessions):
            session.dismiss()
        await asyncio.sleep(0)
