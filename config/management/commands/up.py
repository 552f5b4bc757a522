import asyncio
import os
import signal
from typing import Any

from django.core.management.base import BaseCommand

from config.embedded.process import die_with_parent
from config.instance import run_instance


class Command(BaseCommand):
    help = "Start Gatepost: embedded database and broker where none is set, migrate, web, worker, beat, smtp listener."

    def handle(self, **options: Any) -> None:
        if "MAKELEVEL" in os.environ:
            # Killing make must not leave us behind; a shell that ends after `manage.py up &` must.
            die_with_parent(signal.SIGTERM)
        asyncio.run(run_instance(write=lambda line: print(line, flush=True)))
