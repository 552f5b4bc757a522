from typing import Any

from django.core.management.base import BaseCommand

from mailboxes import clock, stops


class Command(BaseCommand):
    help = "Let this server send again after stop. What waited goes on its way; what is stopped besides stays."

    def handle(self, **options: Any) -> None:
        resumed = stops.resume_everything(by="operator:shell", now=clock.now())
        self.stdout.write("This server sends again." if resumed else "It was not stopped.")
