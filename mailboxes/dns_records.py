"""What must stand in the DNS for a domain to send and receive through this server."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from . import dkim_keys
from .models import Domain

MX_PRIORITY = 10
RETURN_LABEL = "send."
TTL_SECONDS = 3600
TXT_PIECE = 255  # octets a character-string of a TXT record holds (RFC 1035 section 3.3)


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One record to publish. `priority` for MX only."""

    type: str
    host: str
    value: str
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class DnsRecords:
    """A domain's records. The platform's own domain takes its bounces itself and proves nothing to us."""

    mx: DnsRecord
    spf: DnsRecord
    dkim: tuple[DnsRecord, ...]
    dmarc: DnsRecord
    send_mx: DnsRecord | None = None
    ownership: DnsRecord | None = None

    def all(self) -> list[DnsRecord]:
        """Each of them once."""
        found = (self.ownership, self.mx, self.send_mx, self.spf, *self.dkim, self.dmarc)
        return [record for record in found if record is not None]


def of(domain: Domain) -> DnsRecords:
    """The records of one domain. Reads its keys: prefetch `dkim_keys` for many."""
    host, name = settings.MAIL_HOST, domain.name
    common = {
        "mx": DnsRecord("MX", name, host, priority=MX_PRIORITY),
        "dkim": tuple(
            DnsRecord("TXT", f"{key.selector}._domainkey.{name}", f"v=DKIM1; k={key.algorithm}; p={key.public_key}")
            for key in dkim_keys.published(domain)
        ),
        "dmarc": DnsRecord("TXT", f"_dmarc.{name}", f"v=DMARC1; p=quarantine; rua=mailto:postmaster@{name}"),
    }
    if domain.is_platform:
        return DnsRecords(spf=DnsRecord("TXT", name, f"v=spf1 mx a:{host} ~all"), **common)  # type: ignore[arg-type]  # the names fit
    bounces = return_host(name)
    return DnsRecords(
        # Who may send for us stands in one place: a new relay is told there, and no customer has to change anything.
        spf=DnsRecord("TXT", bounces, f"v=spf1 include:{settings.PLATFORM_DOMAIN} ~all"),
        send_mx=DnsRecord("MX", bounces, host, priority=MX_PRIORITY),
        ownership=DnsRecord("TXT", f"_gatepost.{name}", f"gatepost-verification={domain.ownership_token}"),
        **common,  # type: ignore[arg-type]  # the names fit
    )


def return_host(name: str) -> str:
    """Where bounces of mail from the domain `name` come back to, so that SPF vouches for it (relaxed alignment)."""
    return f"{RETURN_LABEL}{name}"


def author_domain(return_domain: str) -> str:
    """The domain whose mail returns there: `return_host` the other way round; the platform's are their own."""
    is_own = return_domain in (settings.PLATFORM_DOMAIN, settings.TEST_DOMAIN)
    return return_domain if is_own else return_domain.removeprefix(RETURN_LABEL)


def zone(records: DnsRecords) -> str:
    """The records as a fragment of a zone file (RFC 1035 section 5), to be imported."""
    return "".join(f"{record.host}. {TTL_SECONDS} IN {record.type} {_data(record)}\n" for record in records.all())


def _data(record: DnsRecord) -> str:
    if record.type == "MX":
        return f"{record.priority} {record.value}."
    pieces = [record.value[start : start + TXT_PIECE] for start in range(0, len(record.value), TXT_PIECE)]
    return " ".join(f'"{piece}"' for piece in pieces)
