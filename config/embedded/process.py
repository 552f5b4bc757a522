"""How a child process is started so that it never outlives Gatepost and never runs as root when it must not."""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from config.errors import CannotStart

PR_SET_PDEATHSIG = 1
# Loaded before any fork: dlopen between fork and exec may deadlock.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """An operating-system user that a server runs as."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """The user PostgreSQL runs as when we are root (it refuses root); None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise CannotStart("PostgreSQL does not run as root and there is no user 'postgres' or 'nobody': add one")


def die_with_parent(death_signal: int, *, parent: int | None = None) -> None:
    """Ask Linux to send this process a signal when its parent dies. The parent is the *thread* that forked."""
    if LIBC is None:
        return
    LIBC.prctl(PR_SET_PDEATHSIG, death_signal)
    # The parent may have died between fork and prctl: then no signal would ever come.
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def spawn_options(*, account: Account | None = None, death_signal: int = signal.SIGKILL) -> dict[str, Any]:
    """Keyword arguments for Popen: own session (Ctrl-C reaches only the supervisor), dies with us, drops root."""
    options: dict[str, Any] = {"preexec_fn": _before_exec(death_signal), "start_new_session": True}
    if account:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": [], "cwd": "/"}
    return options


def _before_exec(death_signal: int) -> Callable[[], None]:
    parent = os.getpid()

    # Runs after setuid, which clears a death signal set before it.
    def prepare() -> None:
        die_with_parent(death_signal, parent=parent)

    return prepare
