"""Mailboxes: created, changed, moved between modes, deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mailboxes import clock, mailbox, quotas
from mailboxes.errors import Conflict, Forbidden, Problem
from mailboxes.mailbox import NewMailbox
from mailboxes.models import Domain, DomainStatus, Event, LimitKind, Mailbox, MailboxStatus
from mailboxes.modes import OversightMode
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def create(owner: Tenant, **fields: Any) -> Mailbox:
    asked: dict[str, Any] = {"address": "second-one", "domain": owner.mailbox.domain}
    return mailbox.create(owner.account, NewMailbox(**(asked | fields)), now=clock.now())


def refusal(owner: Tenant, **fields: Any) -> str:
    with pytest.raises(Problem) as refused:
        create(owner, **fields)
    return refused.value.code


def test_a_new_mailbox_is_active_in_the_default_mode_and_told(alice: Tenant) -> None:
    box = create(alice, address="Second.One", display_name="Support", metadata={"team": "blue"})
    assert (box.address, box.full_address) == ("Second.One", "second.one@agents.example")
    assert (box.status, box.mode) == (MailboxStatus.ACTIVE, OversightMode.GATED_SEND)
    event = Event.objects.get(kind="mailbox.created", mailbox_id=box.pk)
    assert json.loads(event.data)["address"] == box.full_address


@pytest.mark.parametrize(
    "address", ["", ".a", "a.", "a..b", "a b", "a@b", "-a", "_a", "a" * 65, "é", "a\n", "a+b", "a'b", "a/b"]
)
def test_an_unusable_address_is_refused(address: str, alice: Tenant) -> None:
    assert refusal(alice, address=address) == "invalid_address"


@pytest.mark.parametrize("address", ["a", "0", "a.b-c_d", "A" * 64])
def test_an_ordinary_address_is_taken(address: str, alice: Tenant) -> None:
    assert create(alice, address=address).full_address == f"{address.lower()}@agents.example"


def test_an_address_is_taken_in_any_case(alice: Tenant) -> None:
    create(alice)
    assert refusal(alice, address="SECOND-one") == "address_taken"
    assert refusal(builders.tenant("bob")) == "address_taken"


def test_a_deleted_address_never_goes_to_another_account_but_may_come_back(alice: Tenant) -> None:
    mailbox.delete(create(alice), by="test", now=clock.now())
    with pytest.raises(Conflict):
        create(builders.tenant("bob"))
    assert create(alice).deleted_at is None


def test_an_unverified_domain_has_no_mailboxes(alice: Tenant) -> None:
    domain = Domain.objects.create(account=alice.account, name="a.example", status=DomainStatus.PENDING_VERIFICATION)
    assert refusal(alice, domain=domain) == "domain_not_verified"


def test_the_plan_limits_mailboxes_and_a_deleted_one_gives_its_place_back(alice: Tenant) -> None:
    create(alice, address="two")
    third = create(alice, address="three")
    with pytest.raises(Forbidden) as refused:
        create(alice, address="four")
    assert refused.value.code == "mailbox_limit"
    for _ in range(2):
        mailbox.delete(third, by="test", now=clock.now())
    assert quotas.used([alice.account.pk], LimitKind.MAILBOXES, now=clock.now()) == {alice.account.pk: 2}
    create(alice, address="four")


@pytest.mark.parametrize("name", ["a <b>", "me@bank.example", "a\r\nBcc: x", "a\u202eb", "=?utf-8?q?x?=", "x" * 256])
def test_a_display_name_that_could_deceive_is_refused(name: str, alice: Tenant) -> None:
    assert refusal(alice, display_name=name) == "invalid_display_name"
    with pytest.raises(Problem):
        mailbox.change(alice.mailbox, display_name=name, now=clock.now())


@pytest.mark.parametrize("metadata", [{"a": "x" * 501}, {str(n): "" for n in range(51)}, {"a": "\x00"}])
def test_metadata_is_a_few_short_strings(metadata: dict[str, Any], alice: Tenant) -> None:
    assert refusal(alice, metadata=metadata) == "invalid_metadata"


def test_a_change_touches_what_is_named_and_is_told_once(alice: Tenant) -> None:
    mailbox.change(alice.mailbox, display_name="Support", metadata={"team": "blue"}, now=clock.now())
    mailbox.change(alice.mailbox, status="ACTIVE", now=clock.now())
    alice.mailbox.refresh_from_db()
    assert (alice.mailbox.display_name, alice.mailbox.metadata) == ("Support", {"team": "blue"})
    event = Event.objects.get(kind="mailbox.changed", mailbox_id=alice.mailbox.pk)
    assert json.loads(event.data)["changed"] == ["display_name", "metadata"]


def test_an_agent_pauses_and_wakes_its_mailbox_but_not_a_suspended_one(alice: Tenant) -> None:
    mailbox.change(alice.mailbox, status="PAUSED", now=clock.now())
    mailbox.change(alice.mailbox, status="ACTIVE", now=clock.now())
    with pytest.raises(Problem, match="ACTIVE or PAUSED"):
        mailbox.change(alice.mailbox, status="SUSPENDED", now=clock.now())
    Mailbox.objects.filter(pk=alice.mailbox.pk).update(status=MailboxStatus.SUSPENDED)
    with pytest.raises(Forbidden):
        mailbox.change(alice.mailbox, status="ACTIVE", now=clock.now())


def test_a_mode_is_set_once_and_told_with_who_did_it(alice: Tenant) -> None:
    assert mailbox.set_mode(alice.mailbox, OversightMode.MONITORED, by="member:x", now=clock.now())
    assert not mailbox.set_mode(alice.mailbox, OversightMode.MONITORED, by="member:x", now=clock.now())
    event = Event.objects.get(kind="mailbox.mode_changed", mailbox_id=alice.mailbox.pk)
    told = json.loads(event.data)
    assert (told["from"], told["to"], told["by"]) == ("gated_send", "monitored", "member:x")


@pytest.mark.parametrize("mode", list(OversightMode))
def test_every_mode_can_be_set(mode: OversightMode, alice: Tenant) -> None:
    mailbox.set_mode(alice.mailbox, mode, by="member:x", now=clock.now())
    alice.mailbox.refresh_from_db()
    assert alice.mailbox.mode == mode


def test_a_deleted_mailbox_is_hidden_from_every_key(alice: Tenant) -> None:
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    assert list(alice.agent_actor.mailboxes()) == []
    with pytest.raises(Problem):
        alice.agent_actor.get_mailbox(str(alice.mailbox.pk))
