"""Domains and their DKIM keys."""

from __future__ import annotations

import base64
from typing import Any

import dns.rdatatype
import dns.zone
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from mailboxes import accounts, addresses, clock, dkim_keys, dns_records, domain_names, domains, mailbox
from mailboxes.dns_records import DnsRecord
from mailboxes.errors import Conflict, Forbidden, Invalid, NotFound
from mailboxes.models import DkimKey, Domain, DomainStatus, Usage
from tests import builders

pytestmark = pytest.mark.django_db


def platform_domain() -> Domain:
    return accounts.platform().domain


def test_the_platforms_domain_is_verified_and_signs_with_both_algorithms() -> None:
    domain = platform_domain()
    assert (domain.name, domain.status, domain.is_platform) == ("agents.example", DomainStatus.VERIFIED, True)
    (first, rsa), (second, ed25519) = dkim_keys.signing_keys(domain)
    assert (first, second) == ("gp1", "gp1e")
    assert isinstance(rsa, RSAPrivateKey)
    assert rsa.key_size == 2048
    assert isinstance(ed25519, Ed25519PrivateKey)


def test_the_platform_is_made_once() -> None:
    assert accounts.platform() == accounts.platform()
    assert DkimKey.objects.count() == 2


def test_what_the_private_key_signs_the_published_one_verifies() -> None:
    domain = platform_domain()
    [(_, rsa), (_, ed25519)] = dkim_keys.signing_keys(domain)
    first, second = (record.value for record in dns_records.of(domain).dkim)
    public = load_der_public_key(base64.b64decode(first.partition("p=")[2]))
    signature = rsa.sign(b"mail", padding.PKCS1v15(), hashes.SHA256())  # type: ignore[call-arg]  # either kind of key
    public.verify(signature, b"mail", padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg,arg-type]
    bare = Ed25519PublicKey.from_public_bytes(base64.b64decode(second.partition("p=")[2]))
    bare.verify(ed25519.sign(b"mail"), b"mail")  # type: ignore[call-arg]  # either kind of key


def test_the_private_keys_lie_encrypted() -> None:
    for key in platform_domain().dkim_keys.all():
        stored = bytes(key.private_key)
        assert b"PRIVATE KEY" not in stored
        assert b"PRIVATE KEY" not in base64.urlsafe_b64decode(stored)


def test_another_secret_key_is_told_in_one_sentence(settings: Settings) -> None:
    domain = platform_domain()
    settings.SECRET_KEY = "another-one-" + "y" * 40
    dkim_keys.open_key.cache_clear()
    with pytest.raises(ImproperlyConfigured, match="restore that SECRET_KEY"):
        dkim_keys.signing_keys(domain)
    dkim_keys.open_key.cache_clear()


def test_a_domain_without_a_key_signs_nothing() -> None:
    alice = builders.tenant()
    assert dkim_keys.signing_keys(Domain.objects.create(account=alice.account, name="a.example")) == []


def added(name: str = "shop.example") -> Domain:
    alice = builders.tenant()
    builders.limit(alice.account, "domains", 0)
    return domains.add(alice.account, name, now=clock.now())


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Shop.Example", "shop.example"),
        ("shop.example.", "shop.example"),
        ("B\u00dcCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("\uff53hop\u3002example", "shop.example"),
        ("fa\u00df.example", "xn--fa-hia.example"),
        ("a.github.io", "a.github.io"),
        ("x" * 63 + "." + "y" * 63 + "." + "z" * 53 + ".example", None),
    ],
)
def test_a_name_has_one_spelling(asked: str, name: str | None) -> None:
    """A54: one name, however it is written."""
    assert domain_names.canonical(asked) == (name or asked)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("", "invalid_domain"),
        (".", "invalid_domain"),
        ("localhost", "invalid_domain"),
        ("a..example", "invalid_domain"),
        ("shop.example..", "invalid_domain"),
        ("-a.example", "invalid_domain"),
        ("a_b.example", "invalid_domain"),
        ("192.0.2.1", "invalid_domain"),
        ("shop.example/../x", "invalid_domain"),
        ("shop.example\n", "invalid_domain"),
        ("shop example", "invalid_domain"),
        ("*.shop.example", "invalid_domain"),
        ("a@shop.example", "invalid_domain"),
        ("xn--a.example", "invalid_domain"),
        ("x" * 64 + ".example", "invalid_domain"),
        (".".join(["x" * 60] * 4) + ".example", "invalid_domain"),
        ("x." * 130 + "example", "invalid_domain"),
        ("\u00fc" * 5000 + ".example", "invalid_domain"),
        (".".join(["x" * 60] * 3) + ".example", "invalid_domain"),
        ("com", "invalid_domain"),
        ("co.uk", "public_suffix"),
        ("CO.UK.", "public_suffix"),
        ("github.io", "public_suffix"),
        ("xn--p1ai", "invalid_domain"),
        ("Com.CN", "public_suffix"),
        ("agents.example", "platform_domain"),
        ("Agents.Example.", "platform_domain"),
        ("x.agents.example", "platform_domain"),
        ("sim.agents.example", "platform_domain"),
        ("test.agents.example", "platform_domain"),
    ],
)
def test_a_name_that_nobody_may_bring_is_refused(asked: str, code: str) -> None:
    """A54: public suffixes, our own names, what is too long."""
    with pytest.raises(Invalid) as refusal:
        domain_names.canonical(asked)
    assert refusal.value.code == code


def test_the_records_of_a_domain_of_its_own() -> None:
    domain = added()
    records = dns_records.of(domain)
    assert records.mx == DnsRecord("MX", "shop.example", "mail.agents.example", priority=10)
    assert records.send_mx == DnsRecord("MX", "send.shop.example", "mail.agents.example", priority=10)
    assert records.spf == DnsRecord("TXT", "send.shop.example", "v=spf1 include:agents.example ~all")
    assert records.ownership is not None
    assert records.ownership.host == "_gatepost.shop.example"
    assert len(records.ownership.value) > 40
    assert [record.value.split(" p=")[0] for record in records.dkim] == ["v=DKIM1; k=rsa;", "v=DKIM1; k=ed25519;"]


def test_a_zone_file_is_read_back_by_a_name_servers_parser() -> None:
    records = dns_records.of(added())
    zone = dns.zone.from_text(dns_records.zone(records), origin="shop.example.", relativize=False, check_origin=False)
    found = {
        (str(name).rstrip("."), dns.rdatatype.to_text(record.rdtype), _value(record))
        for name, _, record in zone.iterate_rdatas()
    }
    wanted = {(one.host, one.type, f"10 {one.value}" if one.type == "MX" else one.value) for one in records.all()}
    assert found == wanted


def _value(record: Any) -> str:
    if record.rdtype == dns.rdatatype.MX:
        return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
    return b"".join(record.strings).decode()


def test_two_accounts_prepare_one_domain_with_different_tokens_and_selectors() -> None:
    """A54."""
    first, second = (dns_records.of(added()) for _ in range(2))
    assert first.ownership != second.ownership
    assert not {record.host for record in first.dkim} & {record.host for record in second.dkim}


def test_a_deleted_domain_leaves_no_key_and_gives_its_place_back() -> None:
    domain = added()
    builders.limit(domain.account, "domains", 1)
    domains.delete(domain, by="test", now=clock.now())
    assert not DkimKey.objects.filter(domain_id=domain.pk).exists()
    assert domains.add(domain.account, "shop.example", now=clock.now()).pk != domain.pk
    with pytest.raises(NotFound):
        domains.delete(domain, by="test", now=clock.now())


def test_the_only_domain_is_not_found_when_it_is_deleted_again() -> None:
    domain = added()
    domains.delete(domain, by="test", now=clock.now())
    with pytest.raises(NotFound):
        domains.delete(domain, by="test", now=clock.now())
    assert Usage.objects.get(account=domain.account, kind="domains").used == 0


def test_a_domain_with_mailboxes_stays_and_goes_after_them() -> None:
    domain = added()
    Domain.objects.filter(pk=domain.pk).update(status=DomainStatus.VERIFIED)
    domain.refresh_from_db()
    box = mailbox.create(domain.account, mailbox.NewMailbox("desk", domain), now=clock.now())
    with pytest.raises(Conflict):
        domains.delete(domain, by="test", now=clock.now())
    assert DkimKey.objects.filter(domain=domain).exists()
    mailbox.delete(box, by="test", now=clock.now())
    domains.delete(domain, by="test", now=clock.now())
    assert not DkimKey.objects.filter(domain=domain).exists()
    assert not addresses.is_ours("shop.example")
    with pytest.raises(NotFound):  # whoever looked at it before it was deleted
        mailbox.create(domain.account, mailbox.NewMailbox("late", domain), now=clock.now())
    domains.add(domain.account, "shop.example", now=clock.now())


def test_the_next_owner_of_a_domain_may_use_the_addresses_of_the_one_before() -> None:
    first = added()
    for_each = Domain.objects.filter(name="shop.example", deleted_at__isnull=True)
    for_each.update(status=DomainStatus.VERIFIED)
    first.refresh_from_db()
    box = mailbox.create(first.account, mailbox.NewMailbox("desk", first), now=clock.now())
    mailbox.delete(box, by="test", now=clock.now())
    domains.delete(first, by="test", now=clock.now())
    second = added()
    for_each.update(status=DomainStatus.VERIFIED)
    second.refresh_from_db()
    assert mailbox.create(second.account, mailbox.NewMailbox("desk", second), now=clock.now()).status == "ACTIVE"


def test_without_domains_in_the_plan_there_are_none() -> None:
    with pytest.raises(Forbidden) as refusal:
        domains.add(builders.tenant().account, "shop.example", now=clock.now())
    assert refusal.value.code == "domain_limit"
    assert "POST /v1/billing/upgrade" in refusal.value.extra["upgrade"]
