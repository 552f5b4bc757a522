"""Where the embedded servers keep data and sockets, derived from DATA_DIR alone: every shell finds the same ones."""

import hashlib
import os
import secrets
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from config.errors import CannotStart

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")
SYSTEM_ROOT = Path("/var/lib/gatepost")


@dataclass(frozen=True)
class Places:
    """Folders of one instance. Nothing exists yet when this is made; `prepare` of each server creates its own."""

    data_dir: Path
    servers: Path
    sockets: Path

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"


def find_places(data_dir: Path) -> Places:
    """The folders of the instance whose DATA_DIR this is; reads the disk, writes nothing."""
    data_dir = data_dir.absolute()
    instance = data_dir / "instance"
    servers = SYSTEM_ROOT / instance.read_text().strip() if instance.exists() else data_dir / "servers"
    return Places(data_dir=data_dir, servers=servers, sockets=_sockets_for(servers))


def settle_places(data_dir: Path) -> Places:
    """Make DATA_DIR and decide for good where the servers live; as root under a closed folder outside of it."""
    make_data_dir(data_dir)
    if os.geteuid() == 0 and not (data_dir / "servers").exists() and not is_open_to_all(data_dir):
        _write_instance(data_dir / "instance")
    return find_places(data_dir)


def make_data_dir(data_dir: Path) -> None:
    """Create DATA_DIR. Whatever the umask, the servers' own user passes through; secrets inside have their own mode."""
    if data_dir.exists():
        return
    try:
        data_dir.mkdir(parents=True)
        data_dir.chmod(0o711)
    except OSError as error:
        raise CannotStart(
            f"DATA_DIR={data_dir} can't be made ({error.strerror}): set DATA_DIR to a folder of yours"
        ) from error


def make_system_root() -> Path:
    """The folder for what can't lie under a closed one; everyone may pass through it, whatever the umask."""
    SYSTEM_ROOT.mkdir(parents=True, exist_ok=True)
    SYSTEM_ROOT.chmod(0o711)
    return SYSTEM_ROOT


def make_private(folder: Path, owner: tuple[int, int] | None) -> None:
    """Create the folder, closed to everyone but its owner; refuse one that somebody else made first."""
    if SYSTEM_ROOT in folder.parents:
        make_system_root()
    folder.mkdir(parents=True, exist_ok=True)
    uid = os.geteuid()
    if folder.is_symlink() or folder.stat().st_uid not in {uid, owner[0] if owner else uid}:
        raise CannotStart(f"{folder} belongs to another user; remove it or choose another DATA_DIR")
    if owner:
        os.chown(folder, *owner)
    folder.chmod(0o700)


def is_open_to_all(path: Path) -> bool:
    """Whether an unprivileged user can pass through every folder down to this one."""
    path = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [path, *path.parents])


def _sockets_for(servers: Path) -> Path:
    nearby = servers / "sockets"
    if len(os.fsencode(nearby)) + LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT:
        return nearby
    digest = hashlib.sha256(os.fsencode(servers)).hexdigest()[:16]
    # Not tempfile.gettempdir(): another shell may have another TMPDIR and must find the same socket.
    return Path("/tmp") / f"gatepost-{digest}"  # noqa: S108 - make_private refuses a squatted folder


def _write_instance(path: Path) -> None:
    if path.exists():
        return
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(secrets.token_hex(8) + "\n")
    draft.rename(path)
