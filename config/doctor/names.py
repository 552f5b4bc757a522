"""Does the world find us, and believe us? What stands in the DNS beside what must stand there."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from mailboxes.models import Domain, DomainStatus
from mailboxes.record_checks import RecordCheck
from messaging import domain_checks
from messaging.inbound import dns_lookups

from .ailment import Ailment

# Of an installation with more domains the platform's and the first; the sweep looks at all of them.
MOST_ASKED = 50


def check_dns() -> str:
    """MX, SPF, DKIM and DMARC of every domain that we send from."""
    if not settings.RELAY_URL and not settings.EMAIL_PROVIDER:
        return "not asked: nothing leaves this server"
    if dns_lookups.is_off():
        return "not asked: DNS_RESOLVERS is off"
    if not dns_lookups.is_answering():
        raise Ailment("No resolver answers: received mail can't be checked either. Look at DNS_RESOLVERS.")
    ours = list(
        Domain.objects.filter(status=DomainStatus.VERIFIED, deleted_at__isnull=True, is_test=False)
        .order_by("-is_platform", "name")
        .prefetch_related("dkim_keys")[:MOST_ASKED]
    )
    checks = [check for looked in domain_checks.look(ours) for check in looked]
    missing = [check for check in checks if not check.is_ok and not _is_to_come(check, ours)]
    if missing:
        told = " ".join(dict.fromkeys(check.problem for check in missing[:5]))
        raise Ailment(f"{told} manage.py dns_records prints what must stand there.")
    return f"the {len(checks)} records of {len(ours)} domains stand there"


def _is_to_come(check: RecordCheck, ours: Sequence[Domain]) -> bool:
    """Whether it is the record of a key that waits for it, and signs nothing yet."""
    waiting = {key.selector for domain in ours for key in domain.dkim_keys.all() if key.activated_at is None}
    return check.name == "dkim" and check.selector in waiting
