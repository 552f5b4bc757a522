"""API keys: shown once, kept as a hash, never able to send and to decide."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from mailboxes import clock, keys
from mailboxes.errors import Forbidden, Invalid, NotFound, Unauthenticated
from mailboxes.models import ApiKey, Event, Role
from tests import builders
from tests.builders import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def refusal(text: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        keys.authenticate(text, now=clock.now())
    return refused.value.code


def test_a_key_has_its_shape_and_only_its_hash_is_kept(alice: Tenant) -> None:
    row, text = keys.create_agent_key(alice.agent, name="laptop", now=clock.now())
    assert keys.is_well_formed(text)
    assert text.startswith("gp_live_")
    assert row.prefix == text[:14]
    assert text not in str(ApiKey.objects.values().get(pk=row.pk))
    assert row.digest == keys.digest(text)


def test_a_key_of_the_test_environment_says_so(alice: Tenant) -> None:
    text = builders.twin(alice).key_text
    assert text.startswith("gp_test_")
    assert keys.authenticate(text, now=clock.now()).environment == "test"


def test_a_full_key_acts_for_its_agent_in_the_whole_account(alice: Tenant) -> None:
    actor = keys.authenticate(alice.key_text, now=clock.now())
    assert (actor.account, actor.agent, actor.member) == (alice.account, alice.agent, None)
    assert actor.scopes == {"read", "send", "admin"}
    assert actor.mailbox_ids is None
    assert actor.identity == f"agent:{alice.agent.pk}"


def test_a_scoped_key_sees_only_its_mailboxes(alice: Tenant) -> None:
    _, text = keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=clock.now())
    actor = keys.authenticate(text, now=clock.now())
    assert actor.scopes == {"read", "send"}
    assert actor.mailbox_ids == frozenset({alice.mailbox.pk})
    with pytest.raises(Forbidden):
        actor.require_full_access()


def test_a_decide_key_acts_for_its_member_and_never_sends(alice: Tenant) -> None:
    actor = keys.authenticate(builders.decide_key(alice.owner), now=clock.now())
    assert (actor.member, actor.agent) == (alice.owner, None)
    assert actor.scopes == {"read", "decide"}
    with pytest.raises(Forbidden):
        actor.require("send")


def test_a_viewer_gets_no_decide_key(alice: Tenant) -> None:
    vera = builders.member(alice.account, "vera", Role.VIEWER)
    with pytest.raises(Forbidden):
        keys.create_decide_key(vera, now=clock.now())


@pytest.mark.parametrize(
    "owner_and_scopes",
    [
        ("agent", ["decide"]),
        ("agent", ["read", "decide"]),
        ("member", ["send"]),
        ("member", ["admin"]),
        ("both", ["read"]),
        ("nobody", ["read"]),
    ],
)
def test_the_database_refuses_a_key_that_could_send_and_decide(
    owner_and_scopes: tuple[str, list[str]], alice: Tenant
) -> None:
    whose, scopes = owner_and_scopes
    key = ApiKey(account=alice.account, scopes=scopes, digest="0" * 64, prefix="gp_live_000000")
    key.agent = alice.agent if whose in ("agent", "both") else None
    key.member = alice.owner if whose in ("member", "both") else None
    with pytest.raises(IntegrityError, match="key_never_both_sends_and_decides"), transaction.atomic():
        key.save()


def test_each_wrong_key_is_told_why(alice: Tenant) -> None:
    now = clock.now()
    row, text = keys.create_agent_key(alice.agent, now=now)
    assert refusal("Bearer") == refusal(text[:-1]) == refusal(text + "0") == "malformed_key"
    assert refusal(text[:-1] + ("0" if text[-1] != "0" else "1")) == "malformed_key"
    head = "gp_live_" + "0" * 43
    assert refusal(head + keys.checksum(head)) == "invalid_key"
    ApiKey.objects.filter(pk=row.pk).update(expires_at=now - timedelta(seconds=1))
    assert refusal(text) == "expired_key"
    keys.revoke_now(row, by="test", now=now)
    assert refusal(text) == "revoked_key"


def test_use_is_noted_at_most_once_a_minute(alice: Tenant) -> None:
    first = clock.now()
    keys.authenticate(alice.key_text, now=first)
    row = ApiKey.objects.get(pk=alice.agent_actor.key.pk)  # type: ignore[union-attr]
    noted = row.last_used_at
    assert noted is not None
    keys.authenticate(alice.key_text, now=noted + timedelta(seconds=59))
    row.refresh_from_db()
    assert row.last_used_at == noted
    keys.authenticate(alice.key_text, now=noted + timedelta(seconds=61))
    row.refresh_from_db()
    assert row.last_used_at == noted + timedelta(seconds=61)


def test_a_key_revokes_another_but_not_the_last_full_one(alice: Tenant) -> None:
    actor, now = alice.agent_actor, clock.now()
    second, text = keys.create_agent_key(alice.agent, now=now)
    keys.create_agent_key(alice.agent, mailboxes=[alice.mailbox], now=now)
    builders.twin(alice)  # its test key is none with which the account could go on
    keys.revoke(actor, str(second.pk), now=now)
    keys.revoke(actor, str(second.pk), now=now)
    assert refusal(text) == "revoked_key"
    assert actor.key is not None
    with pytest.raises(Invalid) as refused:
        keys.revoke(actor, str(actor.key.pk), now=now)
    assert refused.value.code == "last_key"
    assert Event.objects.filter(account=alice.account, kind="key.revoked").count() == 1


def test_nobody_revokes_a_strangers_or_a_members_key(alice: Tenant) -> None:
    charlie = builders.tenant("charlie")
    builders.decide_key(alice.owner)
    decide = ApiKey.objects.get(member=alice.owner)
    assert charlie.agent_actor.key is not None
    for foreign in (charlie.agent_actor.key.pk, decide.pk, "not-an-id"):
        with pytest.raises(NotFound):
            keys.revoke(alice.agent_actor, foreign, now=clock.now())


def test_agent_keys_are_listed_oldest_first_without_revoked_ones(alice: Tenant) -> None:
    second, _ = keys.create_agent_key(alice.agent, name="second", now=clock.now())
    third, _ = keys.create_agent_key(alice.agent, name="third", now=clock.now())
    keys.revoke_now(second, by="test", now=clock.now())
    builders.decide_key(alice.owner)
    assert [key.name for key in keys.agent_keys(alice.account)] == ["default", "third"]
    assert third in keys.agent_keys(alice.account)
