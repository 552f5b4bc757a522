import getpass
import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import restore
from mailboxes import clock, epoch

ADVICE = """\
Compare these Message-IDs with the log of your relay. What must not leave a second time: cancel it (POST
/v1/mailboxes/<id>/messages/<id>/cancel). Then let sending go on: manage.py confirm_restore --confirm"""


class Command(BaseCommand):
    help = (
        "After a backup was restored: show what would be sent, perhaps again; with --confirm let sending go on. "
        "Run it where the worker runs, with its DATA_DIR."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--confirm", action="store_true", help="let sending go on")
        parser.add_argument("--limit", type=int, default=100, metavar="N", help="show at most N (default 100)")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, **options: Any) -> None:
        halt = epoch.find_halt()
        report = {
            "halted": halt is not None,
            "reason": halt.reason if halt else "",
            "leaving": restore.count_leaving(),
            "undecided": restore.count_undecided(),
        }
        if halt and options["confirm"]:
            by = f"operator:{_user()}"
            report["confirmed_by"] = by
            epoch.confirm(by=by, now=clock.now())
        shown = [asdict(one) for one in restore.find_leaving(limit=options["limit"])] if halt else []
        if options["json"]:
            self.stdout.write(json.dumps(report | {"messages": shown}, default=str))
            return
        self._tell(report, shown)
        if options["confirm"] and not halt:
            raise CommandError("There is nothing to confirm.")

    def _tell(self, report: dict[str, Any], shown: list[dict[str, Any]]) -> None:
        if not report["halted"]:
            self.stdout.write("Sending is not halted. (The worker compares when it starts, and before it sends.)")
            return
        self.stdout.write(f"{report['reason']}\n")
        told = f"{report['leaving']} recipients get their mail when sending goes on"
        self.stdout.write(f"{told}, some perhaps again:" if report["leaving"] else f"{told}.")
        for one in shown:
            due = one["due_at"].strftime("%Y-%m-%d %H:%M:%S") if one["due_at"] else "interrupted"
            self.stdout.write(f"  {due:<19}  {one['account']}  {one['recipient']}  {one['message_id']}")
        if report["leaving"] > len(shown):
            self.stdout.write(f"  … and {report['leaving'] - len(shown)} more (--limit)")
        if report["undecided"]:
            self.stdout.write(f"{report['undecided']} held messages wait for a decision; some may have been decided.")
        confirmed = "confirmed_by" in report
        self.stdout.write(f"Confirmed by {report['confirmed_by']}: sending goes on." if confirmed else ADVICE)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "shell"
