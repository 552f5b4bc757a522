import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailboxes import accounts, dns_records
from mailboxes.dns_records import DnsRecord
from mailboxes.models import Domain


class Command(BaseCommand):
    help = "The DNS records that let domains send and receive through this server: one a line, JSON, or a zone file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain", nargs="?", help="only this one (default: the platform's, then all others)")
        parser.add_argument("--domain", dest="named", help="the same")
        parser.add_argument("--json", action="store_true", help="a list of {type, host, value}, MX with priority")
        parser.add_argument("--zone", action="store_true", help="as lines of a zone file, to be imported")

    def handle(self, **options: Any) -> None:
        found = [dns_records.of(domain) for domain in _domains(options["domain"] or options["named"])]
        if options["zone"]:
            self.stdout.write("".join(dns_records.zone(records) for records in found), ending="")
            return
        records = [record for one in found for record in one.all()]
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(record) for record in records], indent=2))
            return
        for record in records:
            priority = f"{record.priority} " if record.priority is not None else ""
            self.stdout.write(f"{record.type:<4} {record.host} {priority}{record.value}")


def _domains(name: str | None) -> list[Domain]:
    accounts.platform()  # its domain and key are made at the first call
    found = (
        Domain.objects.filter(deleted_at__isnull=True, is_test=False)
        .order_by("-is_platform", "name", "created_at")
        .prefetch_related("dkim_keys")
    )
    if name is None:
        return list(found)
    chosen = list(found.filter(name=name.strip().lower().rstrip(".")))
    if not chosen:
        raise CommandError(f"There is no domain {name}.")
    return chosen


def _as_json(record: DnsRecord) -> dict[str, Any]:
    return {key: value for key, value in asdict(record).items() if value is not None}
