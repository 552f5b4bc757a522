from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from mailboxes import clock, departure
from mailboxes.errors import Problem
from mailboxes.ids import parse_id
from mailboxes.models import Account


class Command(BaseCommand):
    help = "Delete an account for good, with all its mail, people and keys. There is no way back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="its slug, or its id")
        parser.add_argument("--confirm", metavar="ACCOUNT", required=True, help="the same once more")

    def handle(self, *, account: str, confirm: str, **options: Any) -> None:
        if confirm != account:
            raise CommandError("The two differ; nothing was deleted.")
        found = Account.objects.filter(Q(slug=account) | Q(pk=parse_id(account))).first()
        if found is None:
            raise CommandError(f"There is no account {account}.")
        try:
            deleted = departure.depart(found, by="operator:shell", now=clock.now())
        except Problem as problem:
            raise CommandError(f"{problem.sentence} {problem.fix}") from problem
        self.stdout.write(
            f"{found.slug} is deleted: nothing of it works or leaves any more, and it is being erased."
            if deleted
            else f"{found.slug} was deleted already and is being erased."
        )
