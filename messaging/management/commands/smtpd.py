"""Takes arriving mail on HOST:SMTP_PORT until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from messaging.inbound.listener import Listener


class Command(BaseCommand):
    help = "Take arriving mail on HOST:SMTP_PORT."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            raise CommandError(
                f"SMTP can't listen on {settings.HOST}:{settings.SMTP_PORT}: {error.strerror}"
            ) from error

    async def _serve(self) -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with Listener(settings.HOST, settings.SMTP_PORT) as listener:
            self.stdout.write(f"SMTP listens on {settings.HOST}:{listener.port}")
            self.stdout.flush()
            await stopped.wait()
