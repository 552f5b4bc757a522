from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import clock, departure
from mailboxes.errors import Problem
from mailboxes.models import Account


class Command(BaseCommand):
    help = "Delete an account for good, with all its mail, people and keys. There is no way back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the account's slug")
        parser.add_argument("--confirm", metavar="SLUG", required=True, help="the slug once more")

    def handle(self, *, slug: str, confirm: str, **options: Any) -> None:
        if confirm != slug:
            raise CommandError("The two slugs differ; nothing was deleted.")
        account = Account.objects.filter(slug=slug).first()
        if account is None:
            raise CommandError(f"There is no account {slug}.")
        try:
            deleted = departure.depart(account, by="operator:shell", now=clock.now())
        except Problem as problem:
            raise CommandError(f"{problem.sentence} {problem.fix}") from problem
        self.stdout.write(
            f"{slug} is deleted: nothing of it works or leaves any more, and it is being erased."
            if deleted
            else f"{slug} was deleted already and is being erased."
        )
