from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import clock, mailbox
from mailboxes.errors import Problem
from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode


class Command(BaseCommand):
    help = "Set the oversight mode of a mailbox. What waits for a decision goes on waiting."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="the mailbox's address")
        parser.add_argument("mode", choices=[str(mode) for mode in OversightMode])

    def handle(self, *, address: str, mode: str, **options: Any) -> None:
        box = Mailbox.objects.filter(full_address=address.strip().lower(), deleted_at__isnull=True).first()
        if box is None:
            raise CommandError(f"There is no mailbox {address}.")
        try:
            changed = mailbox.set_mode(box, OversightMode(mode), by="operator:shell", now=clock.now())
        except Problem as problem:
            raise CommandError(f"{problem.sentence} {problem.fix}") from problem
        self.stdout.write(f"{box.full_address} is {mode}{'' if changed else ' already'}.")
