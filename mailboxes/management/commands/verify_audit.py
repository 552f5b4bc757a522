import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes.audit import heads, verification
from mailboxes.ids import parse_id
from mailboxes.models import Account


class Command(BaseCommand):
    help = (
        "Walk the event logs: is every event the one that was written, is none missing, has no end been cut? Compares "
        "with the heads that were signed outside of the database. Run it where the worker runs, with its DATA_DIR."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", metavar="SLUG", help="only this account (slug or id)")
        parser.add_argument("--public-key", action="store_true", help="show the key that checks the heads, and end")

    def handle(self, **options: Any) -> None:
        if options["public_key"]:
            self.stdout.write(heads.public_key())
            return
        departing = verification.departing()
        accounts = {pk: slug for pk, slug in self._accounts(options["account"]) if pk not in departing}
        faults = [
            f"{accounts.get(fault.account_id, '(gone)')} {fault.account_id}: {fault.text} (first bad: {fault.seq})"
            for fault in (
                *verification.find_faults(list(accounts), on_part=self._read),
                *(() if options["account"] else verification.find_vanished()),
            )
        ]
        faults += [f"{place}: {fault}" for place, fault in verification.find_bad_lines()]
        if self.is_told:
            self.stderr.write("")
        for fault in faults:
            self.stdout.write(self.style.ERROR(fault))
        signed_at = heads.newest_at()
        beside = f"heads last signed {signed_at:%Y-%m-%d %H:%M %Z}" if signed_at else "no heads were ever signed here"
        told = f"{self.events_count:,} events of {len(accounts):,} accounts read; {beside}."
        if departing:
            told += f" Not looked at: {len(departing):,} accounts that are being deleted."
        if faults:
            raise CommandError(f"{len(faults)} found. {told}")
        self.stdout.write(f"Whole. {told}")

    events_count = 0
    is_told = False

    def _accounts(self, asked: str | None) -> list[Any]:
        found = Account.objects.order_by("slug")
        if asked:
            parsed = parse_id(asked)
            found = found.filter(pk=parsed) if parsed else found.filter(slug=asked)
        rows = list(found.values_list("pk", "slug"))
        if not rows and asked:
            raise CommandError(f"There is no account {asked}.")
        return rows

    def _read(self, count: int) -> None:
        """A log of millions takes a while: say how far we are, where a person looks on."""
        self.events_count += count
        if sys.stderr.isatty():
            self.is_told = True
            self.stderr.write(f"\r{self.events_count:,} events", ending="")
