from typing import Any

from django.core.management.commands import flush

from config.owner import as_owner


class Command(flush.Command):
    help = "Django's flush, run as the database's owner: the application's role can't empty append-only tables."

    def handle(self, **options: Any) -> None:
        with as_owner(options["database"]):
            super().handle(**options)
