from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import clock, mailbox
from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode

BY = "operator:shell"
NONE = "none"


class Command(BaseCommand):
    help = "Set the oversight mode of a mailbox, or its floor. What waits for a decision goes on waiting."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="the mailbox's address")
        parser.add_argument("mode", nargs="?", choices=[str(mode) for mode in OversightMode])
        parser.add_argument(
            "--floor",
            choices=[*(str(mode) for mode in OversightMode), NONE],
            help="at least so strict are sends that a received mail made the agent do",
        )

    def handle(self, *, address: str, mode: str | None, floor: str | None, **options: Any) -> None:
        if mode is None and floor is None:
            raise CommandError("Say a mode, or --floor, or both.")
        box = Mailbox.objects.filter(full_address=address.strip().lower(), deleted_at__isnull=True).first()
        if box is None:
            raise CommandError(f"There is no mailbox {address}.")
        if mode is not None:
            changed = mailbox.set_mode(box, OversightMode(mode), by=BY, now=clock.now())
            self.stdout.write(f"{box.full_address} is {mode}{'' if changed else ' already'}.")
        if floor is not None:
            wanted = None if floor == NONE else OversightMode(floor)
            changed = mailbox.set_floor(box, wanted, by=BY, now=clock.now())
            self.stdout.write(f"{box.full_address} has the floor {floor}{'' if changed else ' already'}.")
