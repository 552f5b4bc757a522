"""Which mailbox an address reaches."""

from __future__ import annotations

import pytest

from mailboxes import accounts, addresses, clock, mailbox
from mailboxes.models import Domain, DomainStatus
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def reached(address: str) -> object:
    found = addresses.find(address)
    return found.mailbox if found else None


def test_a_mailbox_is_found_in_any_case_and_with_any_tag(alice: Tenant) -> None:
    local, _, domain = alice.mailbox.full_address.partition("@")
    for spelling in (
        f"{local}@{domain}",
        f"{local.upper()}@{domain.upper()}",
        f"{local}+orders@{domain}",
        f" {local}@{domain}",
    ):
        assert reached(spelling) == alice.mailbox, spelling


@pytest.mark.parametrize(
    "address", ["nobody@agents.example", "", "@agents.example", "agents.example", "kim@friends.example"]
)
def test_an_unknown_address_is_found_nowhere(address: str, alice: Tenant) -> None:
    assert addresses.find(address) is None


def test_a_deleted_mailbox_is_found_no_more(alice: Tenant) -> None:
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert addresses.find(alice.mailbox.full_address) is None


@pytest.mark.parametrize("local", ["postmaster", "abuse", "Postmaster"])
def test_the_operators_addresses_are_always_there(local: str, alice: Tenant) -> None:
    found = addresses.find(f"{local}@agents.example")
    assert found is not None
    assert (found.is_role, found.mailbox) == (True, None)


def test_the_operators_addresses_of_a_foreign_domain_are_not_ours(alice: Tenant) -> None:
    assert addresses.find("postmaster@friends.example") is None


def test_a_domain_is_ours_once_it_is_verified(alice: Tenant) -> None:
    domain = Domain.objects.create(account=alice.account, name="a.example")
    assert not addresses.is_ours("a.example")
    domain.status = DomainStatus.VERIFIED
    domain.save()
    assert addresses.is_ours("A.example.")
    assert addresses.is_ours(accounts.platform().domain.name)
