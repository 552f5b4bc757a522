"""A compressed tar file that is made while it is sent: nothing of it is held but the last pieces.

Python's own keeps a list of all members, and compresses as hard as it can.
"""

from __future__ import annotations

import tarfile
import zlib
from datetime import datetime

RECORD = 20 * tarfile.BLOCKSIZE
FAST = 1
GZIP = 16 + zlib.MAX_WBITS


class Archive:
    """Members go in by `add`, bytes come out by `take`; `end` makes it a whole one: without it no program takes it."""

    def __init__(self, *, made_at: datetime) -> None:
        self._made_at = int(made_at.timestamp())
        self._squeezed = zlib.compressobj(FAST, zlib.DEFLATED, GZIP)
        self._pieces: list[bytes] = []
        self._size = 0
        self.ready = 0

    def add(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(content), self._made_at, 0o600
        self._write(info.tobuf(tarfile.PAX_FORMAT))
        self._write(content)
        self._write(bytes(-len(content) % tarfile.BLOCKSIZE))

    def end(self) -> None:
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._write(bytes(-self._size % RECORD))
        self._keep(self._squeezed.flush())

    def take(self) -> bytes:
        """What is ready; `ready` says how many bytes that are."""
        taken, self._pieces, self.ready = b"".join(self._pieces), [], 0
        return taken

    def _write(self, content: bytes) -> None:
        self._size += len(content)
        self._keep(self._squeezed.compress(content))

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self.ready += len(piece)
