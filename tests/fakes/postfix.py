"""smtp-sink and smtp-source of Debian's postfix: a relay that can misbehave at every step, and a client in a hurry.

`tests/postfix.sh` fetches them. The sink's moods are its own options: `-q .` hangs up in place of its answer to the
dot, `-Q .` says 421 and hangs up, `-f .` says 500, `-r .` says 450 (also at MAIL, RCPT, DATA), `-w 6` waits 6 s before
its answer to DATA, `-A 0` refuses every message. See smtp-sink(1).
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import reserved_port

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "postfix"
SINK = TOOLS / "usr/sbin/smtp-sink"
SOURCE = TOOLS / "usr/sbin/smtp-source"
PATIENCE = 60
RECIPIENT = re.compile(rb"^X-Rcpt-Args: <([^>\r\n]+)>", re.MULTILINE)
# A file a mail would cost more than the mail, and the more while a database beside it waits for the same disk.
IN_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(?:\r?\n[ \t]+)?(<[^>\r\n]+>)", re.IGNORECASE | re.MULTILINE)


def environment() -> dict[str, str]:
    return {**os.environ, "LD_LIBRARY_PATH": str(TOOLS / "usr/lib/postfix")}


@dataclass(frozen=True)
class PostfixSink:
    """A running smtp-sink. What it took stands in `dumps`, one file per mail; None when it was told to count only."""

    port: int
    dumps: Path | None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def copies(self) -> Counter[str]:
        """How often each Message-ID arrived, complete or not: smtp-sink keeps what it was given."""
        assert self.dumps is not None
        found: Counter[str] = Counter()
        for path in self.dumps.iterdir():
            found.update(match.decode() for match in MESSAGE_ID.findall(path.read_bytes()))
        return found

    def deliveries(self) -> Counter[tuple[str, str]]:
        """How often each Message-ID came for each recipient: mails ended by a dot, whatever the answer to it was."""
        assert self.dumps is not None
        found: Counter[tuple[str, str]] = Counter()
        for raw in (path.read_bytes() for path in self.dumps.iterdir()):
            message_id, recipient = MESSAGE_ID.search(raw), RECIPIENT.search(raw)
            if message_id and recipient:
                found[message_id.group(1).decode(), recipient.group(1).decode()] += 1
        return found


@contextmanager
def postfix_sink(options: Sequence[str] = (), *, keeps_mail: bool = True) -> Iterator[PostfixSink]:
    """An smtp-sink with these options on a free port of loopback."""
    with reserved_port() as port, tempfile.TemporaryDirectory(prefix="gatepost-sink-", dir=IN_MEMORY) as folder:
        # As root it must give up its rights, and the other user must be able to write.
        Path(folder).chmod(0o777)
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        dump = ["-d", f"{folder}/%M."] if keeps_mail else []
        process = subprocess.Popen(
            [str(SINK), *user, *dump, *options, f"127.0.0.1:{port}", "1000"],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, process)
            yield PostfixSink(port, Path(folder) if keeps_mail else None)
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, "smtp-sink did not start"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("smtp-sink does not listen")
