from typing import Any

from django.core.management.commands import migrate

from config.grants import grant_to_app_role, set_deletion_delay
from config.owner import as_owner


class Command(migrate.Command):
    help = "Django's migrate, run as the database's owner; the application's role gets its rights afterwards."

    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner(options["database"]):
            super().handle(*args, **options)
            if not (options["check_unapplied"] or options["plan"]):
                grant_to_app_role(options["database"])
                set_deletion_delay(options["database"])
