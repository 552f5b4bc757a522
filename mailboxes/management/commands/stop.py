from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import clock, stops
from mailboxes.errors import Problem


class Command(BaseCommand):
    help = (
        "Stop all sending of this server, the house's own mail included. Nothing is lost: it waits until go_on. "
        "For one account: suspend."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="one sentence; everybody on this server reads it")

    def handle(self, *, reason: str, **options: Any) -> None:
        try:
            stopped = stops.stop_everything(by="operator:shell", reason=reason, now=clock.now())
        except Problem as problem:
            raise CommandError(f"{problem.sentence} {problem.fix}") from problem
        self.stdout.write("Nothing leaves this server any more." if stopped else "It is stopped already.")
