from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.doctor import examine


class Command(BaseCommand):
    help = "Look at everything this installation needs, one line each; exit 1 when something is wrong."

    def handle(self, **options: Any) -> None:
        ailing = []
        for finding in examine():
            self.stdout.write(f"{'OK  ' if finding.is_well else 'FAIL'} {finding.name}: {finding.text}")
            if not finding.is_well:
                ailing.append(finding.name)
        if ailing:
            raise CommandError(f"Not well: {', '.join(ailing)}")
