"""One running Gatepost: which processes it has, in which order they start, how they end."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.core.management import CommandError, call_command, get_commands
from django.db import DatabaseError, connections

from config.embedded.postgres import EmbeddedPostgres
from config.embedded.process import spawn_options
from config.embedded.valkey import EmbeddedValkey
from config.errors import CannotStart
from config.greeting import greeting
from config.heartbeat import is_beating
from config.preflight import listen, lock_data_dir, require_database, require_free_port
from config.rolling import roll, until_serving
from config.supervisor import Child, Command, Supervisor, Write
from mailboxes import clock, epoch

T = TypeVar("T")

# Stop order, first to last: those who take work in, those who do it, the doorbell, the truth.
EDGE, WORK, DOORBELL, TRUTH = 3, 2, 1, 0
# In seconds: those of a rank are waited for at once, all ranks for less than the 10 that orchestrators give. Celery
# joins its pool in steps of a second.
PATIENCE = {EDGE: 2.0, WORK: 3.5, DOORBELL: 0.5, TRUTH: 2.5}
# So long the greeting waits for the worker's sign of life; what keeps it away is in its own lines above.
WORKER_PATIENCE = 30.0
# Root is who runs an embedded instance in a container; Celery's page about it helps nobody there.
WARNED_ENOUGH = {"PYTHONWARNINGS": "ignore:You're running the worker"}


async def run_instance(*, write: Write) -> None:
    """Start everything, say so, and run until SIGTERM, SIGINT or the reader of our output is gone.

    SIGUSR1: our own processes are restarted one after the other. (SIGHUP says that a terminal was closed.)
    """
    stop, turn = asyncio.Event(), asyncio.Event()
    for number, event in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGUSR1, turn)):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    write = _until_nobody_reads(write, stop)
    lock = lock_data_dir(settings.DATA_DIR) if settings.EMBEDDED_POSTGRES or settings.EMBEDDED_VALKEY else None
    supervisor = Supervisor(write=write)
    life = asyncio.create_task(_live(supervisor, turn, write=write))
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([life, asked], return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            life.result()
    finally:
        life.cancel()
        asked.cancel()
        await supervisor.stop()
        if lock is not None:
            os.close(lock)


async def _live(supervisor: Supervisor, turn: asyncio.Event, *, write: Write) -> None:
    web, *others = await _start(supervisor, write=write)
    while True:
        await turn.wait()
        turn.clear()
        # Who sends and who takes mail may be away for a moment; the face comes last, when the rest has come up.
        await roll([*others, web], write=write)


async def _start(supervisor: Supervisor, *, write: Write) -> list[Child]:
    """Everything, in order; our own processes are returned, web first."""
    require_free_port("PORT", settings.HOST, settings.PORT)
    if _has_command("smtpd"):
        require_free_port("SMTP_PORT", settings.HOST, settings.SMTP_PORT)
    if settings.EMBEDDED_POSTGRES:
        await _start_postgres(supervisor)
    if settings.EMBEDDED_VALKEY:
        await _start_valkey(supervisor)
    await _in_thread(require_database)
    await _in_thread(_migrate)
    if halt := await _in_thread(_find_halt):
        write(f"Nothing will be sent. {halt} See manage.py confirm_restore.")
    door = listen(settings.HOST, settings.PORT)
    ours = [supervisor.start(command) for command in _processes(door)]
    demo = await _demo(write) if settings.EMBEDDED_POSTGRES and _has_command("demo") else None
    await until_serving(ours[0])
    await _wait_for_worker(supervisor, ours[1], write=write)
    write(greeting(demo))
    return ours


async def _start_postgres(supervisor: Supervisor) -> None:
    server = EmbeddedPostgres(settings.PLACES)
    server.prepare()
    child = supervisor.start(
        Command(
            name="postgres",
            argv=tuple(server.argv),
            rank=TRUTH,
            stop_signal=server.stop_signal,
            patience=PATIENCE[TRUTH],
            options=server.spawn_options(),
        )
    )
    await supervisor.wait_until_ready(child, server.is_ready)
    await asyncio.to_thread(server.finish_start)


async def _start_valkey(supervisor: Supervisor) -> None:
    server = EmbeddedValkey(settings.PLACES)
    server.prepare()
    child = supervisor.start(
        Command(
            name="valkey",
            argv=tuple(server.argv),
            rank=DOORBELL,
            patience=PATIENCE[DOORBELL],
            options=server.spawn_options(),
        )
    )
    await supervisor.wait_until_ready(child, server.is_ready)


def _processes(door: int) -> list[Command]:
    """Our own processes, web first; the same that a production runs, one of each. Web inherits the socket `door`."""
    # The system checks were run by the command that starts us; for each of these they cost memory, too.
    celery = ("-m", "celery", "--quiet", "--skip-checks", "-A", "config")
    quiet = ("--without-mingle", "--without-gossip", "--without-heartbeat", "-O", "fair", "--loglevel", "WARNING")
    schedule = str(settings.DATA_DIR / "celerybeat-schedule")
    daphne = ("-m", "daphne", "-v", "0", "--application-close-timeout", "2", "--no-server-name")
    web = (*daphne, "--fd", str(door), "config.asgi:application")
    processes = [
        _python("web", *web, rank=EDGE, env={"DATABASE_POOL": "1"}, inherits=(door,)),
        _python("worker", *celery, "worker", "--pool", "prefork", "-c", "2", *quiet, rank=WORK, env=WARNED_ENOUGH),
        _python("beat", *celery, "beat", "--pidfile=", "-s", schedule, "--loglevel", "WARNING", rank=EDGE),
    ]
    if _has_command("smtpd"):
        processes.append(_python("smtp", "manage.py", "smtpd", rank=EDGE))
    # Threads that only wait for the network each keep freed memory of their own, unless they share it.
    processes.append(_python("webhooks", "manage.py", "webhooks", rank=WORK, env={"MALLOC_ARENA_MAX": "2"}))
    return processes


# What each of them writes once it does its work; web is asked instead.
READY_LINES = {"worker": "Ready", "beat": "Ready", "smtp": "SMTP listens", "webhooks": "Webhooks are told"}


def _python(
    name: str, *arguments: str, rank: int, env: dict[str, str] | None = None, inherits: tuple[int, ...] = ()
) -> Command:
    options = spawn_options() | {"cwd": str(settings.BASE_DIR), "pass_fds": inherits}
    environment = {"PYTHONUNBUFFERED": "1", **(env or {})}
    return Command(
        name=name,
        argv=(sys.executable, *arguments),
        rank=rank,
        env=environment,
        patience=PATIENCE[rank],
        ready_line=READY_LINES.get(name, ""),
        options=options,
    )


def _find_halt() -> str:
    if epoch.may_send(now=clock.now()):
        return ""
    halt = epoch.find_halt()
    return halt.reason if halt else ""


def _migrate() -> None:
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except (CommandError, DatabaseError) as error:
        raise CannotStart(f"The database can't be migrated: {error}") from error


async def _demo(write: Write) -> str | None:
    try:
        return await _in_thread(lambda: _printed_by("demo", "--json"))
    except (CommandError, DatabaseError) as error:
        write(f"The demo account could not be made: {error}")
        return None


def _printed_by(command: str, *arguments: str) -> str:
    output = io.StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


async def _wait_for_worker(supervisor: Supervisor, worker: Child, *, write: Write) -> None:
    try:
        await asyncio.wait_for(supervisor.wait_until_ready(worker, is_beating), WORKER_PATIENCE)
    except TimeoutError:
        write("No worker has given a sign of life yet: GET /health/ready says what is missing.")


async def _in_thread(work: Callable[[], T]) -> T:
    """Django's ORM refuses to run on the event loop; its connection must not outlive the thread."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def _has_command(name: str) -> bool:
    return name in get_commands()


def _until_nobody_reads(write: Write, stop: asyncio.Event) -> Write:
    def write_or_stop(line: str) -> None:
        try:
            write(line)
        except BrokenPipeError:
            stop.set()

    return write_or_stop
