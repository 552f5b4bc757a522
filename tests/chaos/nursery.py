"""One warm process that forks the others: a worker, a web server, a listener is there in milliseconds.

A line of JSON on stdin is either `{"role": …, "log": …, …}`, answered with the pid of the new process, or `{"pid": …}`,
answered with null while it runs, "stopped" when it has come to stand still, and with its exit code (negative: the
signal) at last.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

WARM = (
    "celery.apps.worker",
    "celery.bin.celery",
    "daphne.cli",
    "config.asgi",
    "config.celery",
    "config.urls",
    "messaging.inbound.listener",
    "messaging.management.commands.smtpd",
    "messaging.management.commands.webhooks",
    "messaging.outbound.dispatch",
)
Role = Callable[[dict[str, Any]], None]


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings_test"

    import django

    django.setup()
    _warm_up()
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _start(asked) if "role" in asked else _state(asked["pid"])
        print(json.dumps(answer), flush=True)


def _warm_up() -> None:
    """Import what the roles need; nothing here may start a thread or open a connection."""
    for name in WARM:
        importlib.import_module(name)


def _start(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _live(asked)
    return pid


def _state(pid: int) -> int | str | None:
    found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
    if not found:
        return None
    return "stopped" if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)


def _live(asked: dict[str, Any]) -> None:
    from django.conf import settings

    from config.embedded.process import die_with_parent

    code = 1
    try:
        die_with_parent(signal.SIGKILL)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for theirs, ours in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(theirs, ours)
        for name, value in asked.get("settings", {}).items():
            setattr(settings, name, value)
        if broker := asked.get("broker"):
            from config.celery import app

            app.conf.update(broker_url=broker)
        ROLES[asked["role"]](asked)
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _drain(_asked: dict[str, Any]) -> None:
    from messaging.outbound import dispatch

    dispatch.drain()


def _recover(_asked: dict[str, Any]) -> None:
    from messaging.outbound import dispatch
    from oversight.tasks import release_approved

    dispatch.take_back_overdue()
    release_approved()
    dispatch.drain()


def _expire(_asked: dict[str, Any]) -> None:
    from oversight.tasks import expire_reviews

    expire_reviews()


def _release(_asked: dict[str, Any]) -> None:
    from oversight.tasks import release_approved

    release_approved()


def _read(_asked: dict[str, Any]) -> None:
    from messaging.tasks import process_intake

    process_intake()


def _smtpd(_asked: dict[str, Any]) -> None:
    from django.core.management import call_command

    call_command("smtpd")


def _webhooks(_asked: dict[str, Any]) -> None:
    from django.core.management import call_command

    from messaging.webhooks import teller

    teller.SWEEP_SECONDS = 0.05  # nobody rings in a run
    call_command("webhooks")


def _web(asked: dict[str, Any]) -> None:
    from daphne.cli import CommandLineInterface
    from daphne.testing import _reinstall_reactor
    from django.conf import settings

    # The reactor that was installed before the fork shares its epoll with every other child.
    _reinstall_reactor()
    import daphne.cli
    import daphne.server

    daphne.cli.Server = daphne.server.Server
    importlib.reload(sys.modules["daphne.endpoints"])
    settings.DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 16, "timeout": 60}
    listen = ["-b", "127.0.0.1", "-p", str(asked["port"]), "config.asgi:application"]
    CommandLineInterface().run(["-v", "0", "--no-server-name", "--application-close-timeout", "2", *listen])


def _celery(_asked: dict[str, Any]) -> None:
    from config.celery import app

    quiet = ["--without-mingle", "--without-gossip", "--without-heartbeat", "-O", "fair", "--loglevel", "WARNING"]
    app.worker_main(["--quiet", "worker", "--pool", "prefork", "-c", "1", *quiet])


ROLES: dict[str, Role] = {
    "drain": _drain,
    "recover": _recover,
    "expire": _expire,
    "release": _release,
    "read": _read,
    "smtpd": _smtpd,
    "web": _web,
    "webhooks": _webhooks,
    "celery": _celery,
}

if __name__ == "__main__":
    main()
