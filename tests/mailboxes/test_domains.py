"""Domains and their DKIM keys."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from mailboxes import accounts, clock, domains
from mailboxes.models import DkimKey, Domain, DomainStatus
from tests import builders

pytestmark = pytest.mark.django_db


def platform_domain() -> Domain:
    return accounts.platform().domain


def test_the_platforms_domain_is_verified_and_has_a_2048_bit_key() -> None:
    domain = platform_domain()
    assert (domain.name, domain.status, domain.is_platform) == ("agents.example", DomainStatus.VERIFIED, True)
    found = domains.signing_key(domain)
    assert found is not None
    selector, key = found
    assert (selector, key.key_size) == (domains.SELECTOR, 2048)


def test_the_platform_is_made_once() -> None:
    assert accounts.platform() == accounts.platform()
    assert DkimKey.objects.count() == 1


def test_what_the_private_key_signs_the_published_one_verifies() -> None:
    domain = platform_domain()
    found = domains.signing_key(domain)
    assert found is not None
    signature = found[1].sign(b"mail", padding.PKCS1v15(), hashes.SHA256())
    published = next(record.value for record in domains.dns_records(domain) if "_domainkey" in record.host)
    public = load_der_public_key(base64.b64decode(published.partition("p=")[2]))
    public.verify(signature, b"mail", padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg,arg-type]


def test_the_private_key_lies_encrypted() -> None:
    stored = bytes(platform_domain().dkim_keys.get().private_key)
    assert b"PRIVATE KEY" not in stored
    assert b"PRIVATE KEY" not in base64.urlsafe_b64decode(stored)


def test_another_secret_key_is_told_in_one_sentence(settings: Settings) -> None:
    domain = platform_domain()
    settings.SECRET_KEY = "another-one-" + "y" * 40
    domains.open_key.cache_clear()
    with pytest.raises(ImproperlyConfigured, match="restore that SECRET_KEY"):
        domains.signing_key(domain)
    domains.open_key.cache_clear()


def test_the_newest_active_key_signs_and_a_retired_one_is_not_published() -> None:
    domain, now = platform_domain(), clock.now()
    domains.create_dkim_key(domain, selector="gp2", now=now)
    found = domains.signing_key(domain)
    assert found is not None
    assert found[0] == "gp2"
    DkimKey.objects.filter(selector="gp1").update(retired_at=now)
    hosts = [record.host for record in domains.dns_records(domain)]
    assert "gp2._domainkey.agents.example" in hosts
    assert "gp1._domainkey.agents.example" not in hosts


def test_a_domain_without_a_key_signs_nothing() -> None:
    alice = builders.tenant()
    assert domains.signing_key(Domain.objects.create(account=alice.account, name="a.example")) is None
