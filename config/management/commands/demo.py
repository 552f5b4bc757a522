import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import demo
from mailboxes import clock
from mailboxes.errors import Problem


class Command(BaseCommand):
    help = "Make the demo account, or find it, and print where everything is, its sign-ins, and two fresh keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, **options: Any) -> None:
        try:
            made = asdict(demo.prepare(now=clock.now()))
        except Problem as problem:
            raise CommandError(f"The demo can't be made: {problem.sentence} {problem.fix}") from problem
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        for name, value in made.items():
            self.stdout.write(f"{name:<17} {value}")
