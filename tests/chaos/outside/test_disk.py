"""The disk under DATA_DIR is full: new work is refused cleanly, nothing is lost, and it goes on when there is room."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.outside.conftest import Note
from tests.chaos.outside.load import send
from tests.chaos.outside.relay import Relay
from tests.chaos.outside.stack import Stack, until

pytestmark = pytest.mark.chaos
SIZE = "400m"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gatepost-disk-"))
    mounted = subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=711", "tmpfs", folder], check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["/bin/umount", "-l", folder], check=True)
    shutil.rmtree(folder)


def fill(path: Path) -> None:
    """Take every byte that is left."""
    with path.open("ab", buffering=0) as file:
        for size in (1024**2, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def test_the_disk_is_full(small_disk: Path, relay: Relay, note: Note) -> None:
    stack = Stack(small_disk, relay)
    ballast = small_disk / "ballast"
    try:
        stack.wait()
        with stack.load() as load:
            time.sleep(4)
            fill(ballast)
            full_at = time.monotonic()
            while time.monotonic() < full_at + 15:
                fill(ballast)  # what the server gave free in the meantime
                time.sleep(0.2)
            inbound = stack.smtp_answer()
            ballast.unlink()
            room_at = time.monotonic()
            until(lambda: send(stack.target).is_accepted, seconds=60, what="mail is accepted again")
            back = time.monotonic() - room_at
            time.sleep(3)
        meanwhile = load.statuses(since=full_at)
        refusals = [json.loads(answer.text) for answer in load.answers if answer.status == 503]
        figures: dict[str, object] = {str(code): count for code, count in sorted(load.statuses().items())}
        figures |= {"codes": sorted({refusal["code"] for refusal in refusals}), "smtp_meanwhile": inbound}
        stack.until_well(90)
        note(first_2xx_seconds=back, **figures, **stack.verdict(load))
        assert meanwhile[503] > 0
        # What the server says where a table or the log must grow; "unavailable" while it restarts for want of room.
        assert "disk_full" in {refusal["code"] for refusal in refusals}
        assert set(load.statuses()) <= {201, 503}
        # A small mail may still find room in a page that the table has; then it is kept like any other.
        assert inbound in {"250", "451", "452"}
    finally:
        stack.stop()
        if stack.instance.processes():
            for pid in stack.instance.processes():
                os.kill(pid, 9)
