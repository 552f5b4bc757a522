from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.invariants import check_all


class Command(BaseCommand):
    help = "Ask the database whether every promise that can be asked in SQL is kept; exit 1 names the broken ones."

    def handle(self, **options: Any) -> None:
        broken = []
        for result in check_all():
            verdict = "OK  " if result.holds else "FAIL"
            told = "" if result.holds else f" Broken by: {', '.join(result.found)}"
            self.stdout.write(f"{verdict} {result.invariant.id} {result.invariant.sentence}{told}")
            if not result.holds:
                broken.append(result.invariant.id)
        if broken:
            raise CommandError(f"Broken: {', '.join(broken)}")
