"""Does the world find us, and believe us? What stands in the DNS beside what must stand there."""

from __future__ import annotations

from django.conf import settings

from mailboxes import domains
from mailboxes.domains import DnsRecord
from mailboxes.models import Domain, DomainStatus
from messaging.inbound import dns_lookups

from .ailment import Ailment

ANSWERS_WITHIN = 5.0


def check_dns() -> str:
    """MX, SPF, DKIM and DMARC of every domain that we send from."""
    if not settings.RELAY_URL and not settings.EMAIL_PROVIDER:
        return "not asked: nothing leaves this server"
    if dns_lookups.is_off():
        return "not asked: DNS_RESOLVERS is off"
    if not dns_lookups.is_answering():
        raise Ailment("No resolver answers: received mail can't be checked either. Look at DNS_RESOLVERS.")
    ours = list(Domain.objects.filter(status=DomainStatus.VERIFIED).order_by("name"))
    records = [record for domain in ours for record in domains.dns_records(domain)]
    # One each: what belongs together is a mail's, and a mail may ask so much only.
    asked = [(dns_lookups.Lookups({}), record) for record in records]
    dns_lookups.ask_all([(lookups, [(one.host, one.type)]) for lookups, one in asked], seconds=ANSWERS_WITHIN)
    missing = [one for lookups, one in asked if not _stands(one, lookups.known.get((one.host, one.type)))]
    if missing:
        told = ", ".join(f"{record.type} of {record.host}" for record in missing[:5])
        raise Ailment(f"Missing, or not ours: {told}. Publish what manage.py dns_records prints.")
    return f"the {len(records)} records of {len(ours)} domains stand there"


def _stands(record: DnsRecord, found: list[object] | None) -> bool:
    """Of SPF and DMARC any policy will do: it may name more than us. Key and mail server must be ours."""
    if record.type == "MX":
        return any(isinstance(one, tuple) and one[1].lower() == record.value.lower() for one in found or [])
    texts = [one.decode("ascii", "replace") for one in found or [] if isinstance(one, bytes)]
    if record.value.startswith("v=DKIM1"):
        key = _key(record.value)
        return any(_key(text) == key for text in texts)
    return any(text.startswith(record.value.split()[0].rstrip(";")) for text in texts)


def _key(text: str) -> str:
    tags = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    return "".join(tags.get("p", "").split())
