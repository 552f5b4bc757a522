"""What `manage.py up` weighs at rest and after mail went both ways (P16: web and worker ≤ 200 MiB, all ≤ 900).

PSS, so that memory which processes share counts once. SECONDS=7200 keeps mail going that long: it may not grow.
"""

from __future__ import annotations

import json
import os
import smtplib
import time
import urllib.request
from pathlib import Path

from tests.bench.side_by_side import Comparison
from tests.config.conftest import data_dir as data_dir
from tests.config.test_up import needs_proc
from tests.instance import Instance, manage
from tests.letters import letter

MAILS = 500
SECONDS = int(os.environ.get("SECONDS", 0))
REST = 10.0
# The first words that fit name the process; what fits none is the supervisor's.
PARTS = {
    "web": "daphne",
    "worker": "config worker",
    "beat": "config beat",
    "smtp": "smtpd",
    "webhooks": "manage.py webhooks",
    "valkey": "valkey-server",
    "postgres": "postgres",
}
LIMITS = {"web": 200.0, "worker": 200.0, "all": 900.0}
UNLIMITED = dict.fromkeys(
    [
        *("SENDS_PER_MINUTE_PER_MAILBOX", "SENDS_PER_MINUTE_PER_ACCOUNT", "DAILY_SENDS_PER_MAILBOX"),
        *("MONTHLY_SENDS_PER_MAILBOX", "MONTHLY_INBOUND_PER_ACCOUNT"),
    ],
    "0",
)


class House:
    """A running instance and its demo agent, whose mailbox sends by itself and writes to itself."""

    def __init__(self, data_dir: Path) -> None:
        self.instance = Instance(data_dir, **UNLIMITED)

    def open(self) -> None:
        self.instance.wait_until_ready()
        self.demo = json.loads(self._manage("demo", "--json"))
        self._manage("set_mode", self.demo["mailbox_address"], "autonomous")

    def send(self) -> None:
        """A message asked for over the API; it comes back by SMTP."""
        body = {"to": [self.demo["mailbox_address"]], "subject": "Hello", "bodyText": "Good day to you.\n" * 100}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.instance.port}/v1/mailboxes/{self.demo['mailbox_id']}/messages",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.demo['agent_key']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own
            assert answer.status == 201

    def receive(self) -> None:
        """A mail from outside."""
        raw = letter(to=self.demo["mailbox_address"], body="Good day to you.\r\n" * 100)
        with smtplib.SMTP("127.0.0.1", self.instance.smtp_port, timeout=60) as client:
            client.sendmail("kim@friends.example", [self.demo["mailbox_address"]], raw)

    def weight(self) -> dict[str, float]:
        """MiB of PSS of every part, and of all together."""
        found = dict.fromkeys([*PARTS, "supervisor"], 0.0)
        for pid, line in self.instance.processes().items():
            part = next((name for name, words in PARTS.items() if words in line), "supervisor")
            found[part] += _pss(pid)
        return found | {"all": sum(found.values())}

    def _manage(self, *arguments: str) -> str:
        result = manage(self.instance.data_dir, *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout


@needs_proc
def test_a_running_gatepost_is_light_and_stays_so(data_dir: Path) -> None:
    house = House(data_dir)
    try:
        house.open()
        time.sleep(REST)
        rest = house.weight()
        _write(house, times=MAILS)
        busy = house.weight()
        table = {"at rest": rest, f"after {MAILS} sent and received": busy}
        begun = time.monotonic()
        while time.monotonic() - begun < SECONDS:
            _write(house, times=100)
            time.sleep(REST)
            table[f"after {(time.monotonic() - begun) / 60:.0f} minutes"] = house.weight()
    finally:
        house.instance.stop()
    print("\n| MiB | " + " | ".join(rest) + " |\n|---" + "|---" * len(rest) + "|")
    for moment, weights in table.items():
        print(f"| {moment} | " + " | ".join(f"{weight:.0f}" for weight in weights.values()) + " |")
    for part, limit in LIMITS.items():
        Comparison(
            f"P16 {part}", f"memory of {part} at rest", "its limit", "MiB", [rest[part]], [limit], 1.0, True
        ).keep()


def _write(house: House, *, times: int) -> None:
    for _ in range(times):
        house.send()
        house.receive()


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
