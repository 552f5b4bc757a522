from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import clock, domain_state
from mailboxes.models import Domain
from messaging import domain_checks
from messaging.inbound import dns_lookups


class Command(BaseCommand):
    help = (
        "Looks at the DNS of all domains of accounts now, or of one, and says what is wrong. Fails where one drifted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain", nargs="?")

    def handle(self, **options: Any) -> None:
        if dns_lookups.is_off():
            raise CommandError("DNS_RESOLVERS is off: there is nobody to ask.")
        found = Domain.objects.filter(deleted_at__isnull=True, is_platform=False, account__departed_at__isnull=True)
        if options["domain"]:
            found = found.filter(name=options["domain"].strip().lower().rstrip("."))
        domains = list(found.order_by("name", "created_at").prefetch_related("dkim_keys"))
        if options["domain"] and not domains:
            raise CommandError(f"There is no domain {options['domain']}.")
        looked = [domain_checks.check(domain, now=clock.now()) for domain in domains]
        for domain in looked:
            self._tell(domain)
        if drifted := [domain.name for domain in looked if domain_state.has_drifted(domain)]:
            raise CommandError(f"Drifted: {', '.join(drifted)}.")

    def _tell(self, domain: Domain) -> None:
        frozen = ", frozen" if domain.frozen_at else ""
        self.stdout.write(f"{domain.name}: {domain.status}{frozen}")
        for check in domain.checks:
            if check["problem"]:
                self.stdout.write(f"  {check['label']}: {check['problem']}")
