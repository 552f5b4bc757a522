"""Domains and their DKIM keys: made, sealed away, published."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .models import Account, DkimKey, Domain, DomainStatus

SELECTOR = "gp1"
RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One record to publish. `priority` for MX only."""

    type: str
    host: str
    value: str
    priority: int | None = None


def create_platform_domain(account: Account, *, now: datetime) -> Domain:
    """The platform's domain with its first DKIM key, verified by definition: this server is its authority."""
    domain = Domain.objects.create(
        account=account, name=settings.PLATFORM_DOMAIN, is_platform=True, status=DomainStatus.VERIFIED
    )
    create_dkim_key(domain, selector=SELECTOR, now=now)
    return domain


def create_test_domain(account: Account, *, now: datetime) -> Domain:
    """Where test accounts have their mailboxes. Not published: mail between them loops back inside."""
    domain = Domain.objects.create(
        account=account, name=settings.TEST_DOMAIN, is_platform=True, is_test=True, status=DomainStatus.VERIFIED
    )
    create_dkim_key(domain, selector=SELECTOR, now=now)
    return domain


def create_dkim_key(domain: Domain, *, selector: str, now: datetime) -> DkimKey:
    """A new RSA-2048 key of the domain, active from now on. Takes about 70 ms."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return DkimKey.objects.create(
        domain=domain,
        selector=selector,
        private_key=_vault().encrypt(pem),
        public_key=base64.b64encode(public).decode(),
        activated_at=now,
    )


def signing_key(domain: Domain) -> tuple[str, rsa.RSAPrivateKey] | None:
    """Selector and key object of the domain's newest active DKIM key."""
    # All of them (there are few), so that a caller with many domains may prefetch.
    active = [key for key in domain.dkim_keys.all() if key.activated_at is not None and key.retired_at is None]
    row = max(active, key=lambda key: (key.activated_at, key.pk), default=None)
    return (row.selector, open_key(bytes(row.private_key))) if row else None


@lru_cache(maxsize=256)
def open_key(sealed: bytes) -> rsa.RSAPrivateKey:
    """The key object of a sealed private key; cached per process (27 ms to load)."""
    try:
        pem = _vault().decrypt(sealed)
    except InvalidToken as error:
        raise ImproperlyConfigured("A DKIM key was sealed with another SECRET_KEY; restore that SECRET_KEY.") from error
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def dns_records(domain: Domain) -> list[DnsRecord]:
    """What must stand in DNS for the domain to send and receive through this server."""
    host = settings.MAIL_HOST
    records = [
        DnsRecord("MX", domain.name, host, priority=10),
        DnsRecord("TXT", domain.name, f"v=spf1 mx a:{host} ~all"),
    ]
    for key in domain.dkim_keys.filter(retired_at__isnull=True).order_by("created_at"):
        value = f"v=DKIM1; k={key.algorithm}; p={key.public_key}"
        records.append(DnsRecord("TXT", f"{key.selector}._domainkey.{domain.name}", value))
    records.append(
        DnsRecord("TXT", f"_dmarc.{domain.name}", f"v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain.name}")
    )
    return records


def _vault() -> Fernet:
    key = HKDF(hashes.SHA256(), length=32, salt=None, info=b"gatepost dkim private keys").derive(
        settings.SECRET_KEY.encode()
    )
    return Fernet(base64.urlsafe_b64encode(key))
