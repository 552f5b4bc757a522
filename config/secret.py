"""The secret key of an embedded installation."""

import os
import secrets
from pathlib import Path

from config.embedded.places import make_data_dir


def kept_secret_key(data_dir: Path) -> str:
    """The key in DATA_DIR, made at the first call (mode 0600). Two first calls at once agree on one key."""
    path = data_dir / "secret_key"
    if not path.exists():
        _write_once(path)
    return path.read_text().strip()


def _write_once(path: Path) -> None:
    make_data_dir(path.parent)
    draft = path.with_name(f"secret_key.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(64) + "\n")
    try:
        # link, not rename: whoever comes second must not replace a key that is already in use.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
