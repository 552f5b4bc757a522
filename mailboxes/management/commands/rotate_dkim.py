from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import accounts, clock, dkim_keys
from mailboxes.errors import Conflict
from mailboxes.models import Domain, DomainStatus


class Command(BaseCommand):
    help = (
        "New DKIM keys for a domain. Nothing changes until their records stand in the DNS; an hour later they sign, "
        "and a week after that the old ones are retired."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain")

    def handle(self, **options: Any) -> None:
        accounts.platform()
        name = options["domain"].strip().lower().rstrip(".")
        domain = Domain.objects.filter(name=name, status=DomainStatus.VERIFIED, deleted_at__isnull=True).first()
        if domain is None:
            raise CommandError(f"There is no verified domain {name}.")
        try:
            made = dkim_keys.begin_rotation(domain, by="operator", now=clock.now())
        except Conflict as conflict:
            raise CommandError(f"{conflict.sentence} {conflict.fix}") from conflict
        hosts = " and ".join(f"{key.selector}._domainkey.{domain.name}" for key in made)
        self.stdout.write(f"Publish {hosts}; manage.py dns_records {domain.name} prints them. The rest goes by itself.")
