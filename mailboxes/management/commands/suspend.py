from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import account_names, clock, suspensions
from mailboxes.errors import Problem


class Command(BaseCommand):
    help = "Suspend an account: nothing of it leaves, and it makes nothing new. Nothing is deleted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="its slug, or the address of one of its people")
        parser.add_argument("--reason", required=True, help="one word or sentence; its owner and its agents read it")

    def handle(self, *, account: str, reason: str, **options: Any) -> None:
        try:
            found = account_names.get_account(account)
            suspended = suspensions.suspend(found, reason=reason, by="operator:shell", now=clock.now())
        except Problem as problem:
            raise CommandError(f"{problem.sentence} {problem.fix}") from problem
        self.stdout.write(f"{found.slug} is suspended{'' if suspended else ' already'}.")
