"""Whose word a mail carries: the domains that DMARC compares with the author's (RFC 7489 section 3.1).

What was sent was aligned: `delivery.preflight` lets nothing else pass, and the signature's d= is the same `domain`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .mail import Mail


@dataclass(frozen=True, slots=True)
class Alignment:
    """The author's domain, the one that signs (d=), and the one that the return path is of (SPF)."""

    author: str
    signed_by: str
    returns_to: str

    @property
    def is_dkim_aligned(self) -> bool:
        """Strictly: the very same name."""
        return self.author == self.signed_by

    @property
    def is_spf_aligned(self) -> bool:
        """Relaxed: the same name, or one below it. A return path of the platform's is not, and DKIM alone vouches."""
        return self.returns_to == self.author or self.returns_to.endswith(f".{self.author}")


def of(mail: Mail) -> Alignment:
    """As the mail would leave now."""
    author = mail.header_from.rpartition("@")[2].lower()
    return Alignment(author=author, signed_by=mail.domain, returns_to=mail.returns_to)


def is_aligned(mail: Mail) -> bool:
    """Whether the signature is the author's domain's."""
    return of(mail).is_dkim_aligned
