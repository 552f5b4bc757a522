"""The file of the restore epoch: which database this host last sent from, and when it last claimed mail."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

NEVER = "never"
WIDTH = len("2026-01-01T00:00:00.000000+00:00")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A database and its mark."""

    lineage: UUID
    mark: datetime | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The file is there and is not ours."""

    why: str


def path() -> Path:
    """EPOCH_FILE."""
    return Path(settings.EPOCH_FILE)


def read() -> Stamp | Unreadable | None:
    """What the file says; None when there is none."""
    try:
        lineage, _, mark = path().read_text().strip().partition(" ")
        return Stamp(UUID(lineage), None if mark == NEVER else datetime.fromisoformat(mark))
    except FileNotFoundError:
        return None
    except ValueError as error:
        return Unreadable(str(error))


def replace(stamp: Stamp) -> None:
    """Make the file say this, whatever it said; on the disk when this returns."""
    path().parent.mkdir(parents=True, exist_ok=True)
    draft = path().with_name(f"{path().name}.{os.getpid()}")
    with draft.open("w") as file:
        file.write(_line(stamp))
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o600)
    draft.rename(path())


def raise_to(stamp: Stamp) -> None:
    """Move the file's mark forward, never back: a claim that committed later may have been here first.

    Written in place, which needs no room on a full disk. Left to the system to bring to the disk: a power cut may take
    the last seconds of it, which lets a backup of those seconds pass, and never halts for nothing. A file that somebody
    removed stays away: he wants sending to stop.
    """
    with suppress(FileNotFoundError), _locked() as descriptor:
        present = read()
        if not (isinstance(present, Stamp) and _is_ahead(present, stamp)):
            os.pwrite(descriptor, _line(stamp).encode(), 0)


@contextmanager
def _locked() -> Iterator[int]:
    descriptor = os.open(path(), os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_ahead(present: Stamp, stamp: Stamp) -> bool:
    if present.lineage != stamp.lineage or present.mark is None or stamp.mark is None:
        return False
    return present.mark >= stamp.mark


def _line(stamp: Stamp) -> str:
    mark = stamp.mark.astimezone(UTC).isoformat(timespec="microseconds") if stamp.mark else NEVER
    return f"{stamp.lineage} {mark:<{WIDTH}}\n"
