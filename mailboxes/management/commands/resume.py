from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import account_names, clock, suspensions
from mailboxes.errors import Problem


class Command(BaseCommand):
    help = "Let a suspended account send again. What waited goes on its way."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="its slug, or the address of one of its people")

    def handle(self, *, account: str, **options: Any) -> None:
        try:
            found = account_names.get_account(account)
        except Problem as problem:
            raise CommandError(f"{problem.sentence} {problem.fix}") from problem
        resumed = suspensions.reactivate(found, by="operator:shell", now=clock.now())
        self.stdout.write(f"{found.slug} {'is resumed' if resumed else 'was not suspended'}.")
