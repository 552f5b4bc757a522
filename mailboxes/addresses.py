"""Finding the mailbox behind an address that somebody wrote to."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from .dns_records import author_domain
from .models import Domain, DomainStatus, Mailbox

ROLE_ADDRESSES = frozenset({"postmaster", "abuse"})


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a received mail goes: to a mailbox or, with none, to the operator (postmaster, abuse)."""

    mailbox: Mailbox | None = None
    is_role: bool = False


def find(address: str) -> Destination | None:
    """The destination of an address on a domain of ours, or None for an unknown one. `local+tag@` reaches `local@`."""
    local, _, domain = address.strip().lower().rpartition("@")
    if not local or not takes_bounces(domain):
        return None
    for candidate in dict.fromkeys((local, local.split("+", 1)[0])):
        mailbox = (
            Mailbox.objects.select_related("account", "domain", "agent")
            .filter(full_address=f"{candidate}@{domain}", deleted_at__isnull=True)
            .first()
        )
        if mailbox is not None:
            return Destination(mailbox=mailbox)
    return Destination(is_role=True) if local in ROLE_ADDRESSES else None


def is_ours(domain: str) -> bool:
    """Whether this server delivers the domain."""
    domain = domain.lower().rstrip(".")
    return domain in (settings.PLATFORM_DOMAIN, settings.TEST_DOMAIN) or _is_verified(domain)


def takes_bounces(domain: str) -> bool:
    """Whether bounces come back to this domain: one that we deliver, or the `send.` of one."""
    domain = domain.lower().rstrip(".")
    return domain in (settings.PLATFORM_DOMAIN, settings.TEST_DOMAIN) or _is_verified(domain, author_domain(domain))


def _is_verified(*names: str) -> bool:
    return Domain.objects.filter(name__in=names, status=DomainStatus.VERIFIED, deleted_at__isnull=True).exists()
