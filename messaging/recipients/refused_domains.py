"""Domains that an operator may not want written to: those for tests and documentation, and throw-away mailboxes."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from mailboxes.errors import Invalid

# RFC 2606 and RFC 6761: nobody is there.
RESERVED = frozenset({"example", "test", "invalid", "localhost", "example.com", "example.net", "example.org"})
# The best known; an operator adds others by REFUSED_RECIPIENT_DOMAINS.
DISPOSABLE = frozenset(
    {
        "10minutemail.com",
        "discard.email",
        "dispostable.com",
        "fakeinbox.com",
        "getnada.com",
        "guerrillamail.com",
        "guerrillamail.net",
        "maildrop.cc",
        "mailinator.com",
        "mailnesia.com",
        "mintemail.com",
        "sharklasers.com",
        "temp-mail.org",
        "tempmail.com",
        "throwawaymail.com",
        "trashmail.com",
        "yopmail.com",
    }
)


def check(recipients: Iterable[str]) -> None:
    """Refuse a send that names such a domain or one below it; our own domains are never such. Off by default."""
    if not settings.REFUSE_TEST_RECIPIENTS:
        return
    refused = RESERVED | DISPOSABLE | set(settings.REFUSED_RECIPIENT_DOMAINS)
    for address in recipients:
        domain = address.rpartition("@")[2]
        names = _with_parents(domain)
        if not refused.isdisjoint(names) and settings.PLATFORM_DOMAIN not in names:
            raise Invalid(
                f"This server sends no mail to {domain}: it is for tests, or throws its mail away.",
                code="refused_recipient",
                fix="Leave the address out, and write to a real mailbox.",
            )


def _with_parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]
