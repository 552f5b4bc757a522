"""Our own processes are restarted one after the other, as a deploy does it, while the others go on working.

A process finishes what it has in hand. Database and broker stay. The successor has the code that lies there now, with
the settings and command lines of the start; for others, stop and start.
"""

import asyncio
from collections.abc import Sequence

from django.conf import settings

from config.errors import CannotStart
from config.preflight import answers
from config.supervisor import Child, Write

DEATHS_ALLOWED = 4


async def roll(children: Sequence[Child], *, write: Write) -> None:
    """Relieve each of them, the first in line first. When one does not come up again, the rest stay as they are."""
    for child in children:
        write(f"Restarting {child.command.name} ...")
        await child.relieve()
        try:
            await until_serving(child)
        except CannotStart as error:
            write(f"{error}. The other processes are left as they are.")
            return
    write("Restarted.")


async def until_serving(child: Child) -> None:
    """Return when the child does its work. Raises CannotStart when it dies again and again."""
    while not await _serves(child):
        if child.failures > DEATHS_ALLOWED:
            raise CannotStart(f"{child.command.name} does not start: {child.last_line or 'it says nothing'}")
        await asyncio.sleep(0.05)


async def _serves(child: Child) -> bool:
    if child.command.ready_line:
        return child.has_said_ready
    return await answers(settings.LINK_HOST.strip("[]"), settings.PORT, "/health/live")
