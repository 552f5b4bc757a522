"""Tells webhooks what happened until it is told to stop."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from mailboxes import collector
from messaging.webhooks import doorbell, heartbeat
from messaging.webhooks.teller import Teller


class Command(BaseCommand):
    help = "Tell webhooks what happened. Any number of processes may do so at once."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        teller = Teller()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: teller.stop())
        doorbell.listen(teller.ring)
        heartbeat.beat(teller)
        self.stdout.write("Webhooks are told")
        self.stdout.flush()
        collector.settle()
        teller.run()
