"""Agents' keys at the console: seen by all of the account, made, rotated, bound and revoked by owners and admins."""

from __future__ import annotations

import re
from datetime import timedelta
from html import escape

import pytest
from django.test import Client

from mailboxes import account_options, clock, keys, member_keys
from mailboxes.errors import Unauthenticated
from mailboxes.key_bounds import Terms
from mailboxes.models import ApiKey, Mailbox, Member, Role, Scope
from messaging.models import Message, Status
from oversight import decisions, revoked_keys
from tests import builders
from tests.builders import PASSWORD, Tenant
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db

LIST = "/agents/keys/"
PROOF = {"password": PASSWORD}


def secret_in(page: str) -> str:
    found = re.search(r"gp_(?:live|test)_[0-9A-Za-z]{49}", page)
    return found.group() if found else ""


def asked(alice: Tenant, **more: object) -> dict[str, object]:
    return {"name": "Night shift", "agent": str(alice.agent.pk), "reach": "all", **PROOF, **more}


def proven(member: Member) -> Client:
    """A browser whose person has just shown who they are."""
    client = seat(member)
    client.post("/settings/security/prove/", PROOF)
    return client


def newest(alice: Tenant) -> ApiKey:
    return ApiKey.objects.filter(agent=alice.agent).latest("created_at")


def test_a_key_is_made_for_some_mailboxes_with_an_end_and_addresses_and_shown_once() -> None:
    alice = builders.tenant()
    terms = {"last_day": "2028-02-29", "addresses": "198.51.100.7"}
    client = seat(alice.owner)
    page = text_of(client.post(LIST, asked(alice, reach="some", mailboxes=[str(alice.mailbox.pk)], **terms)))
    secret = secret_in(page)
    actor = keys.authenticate(secret, address="198.51.100.7", now=clock.now())
    assert actor.scopes == {Scope.READ, Scope.SEND}
    assert actor.mailbox_ids == frozenset({alice.mailbox.pk})
    assert newest(alice).made_by == f"member:{alice.owner.pk}"
    later = text_of(client.get(LIST))
    assert secret not in later
    assert all(told in later for told in ("Night shift", secret[:14], alice.mailbox.full_address, "198.51.100.7"))
    assert f"by {escape(alice.owner.user.name or alice.owner.user.email)}" in later


@pytest.mark.parametrize(
    "wrong",
    [{"password": "x"}, {"name": ""}, {"reach": "some"}, {"agent": ""}, {"last_day": "2020-01-01"}, {"addresses": "<"}],
    ids=["password", "name", "nothing", "agent", "past", "addresses"],
)
def test_a_key_that_is_not_asked_for_rightly_is_not_made(wrong: dict[str, str]) -> None:
    alice = builders.tenant()
    response = seat(alice.owner).post(LIST, asked(alice, **wrong))
    assert response.status_code == 422
    assert "field-error" in text_of(response)
    assert ApiKey.objects.filter(agent=alice.agent).count() == 1


def test_nothing_of_another_account_becomes_a_key() -> None:
    alice, charlie = builders.tenant(), builders.tenant("charlie")
    client = seat(alice.owner)
    for wrong in ({"agent": str(charlie.agent.pk)}, {"reach": "some", "mailboxes": [str(charlie.mailbox.pk)]}):
        assert client.post(LIST, asked(alice, **wrong)).status_code == 422
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
def test_who_does_not_manage_the_account_sees_keys_and_changes_none(role: Role) -> None:
    alice = builders.tenant()
    client, key = proven(builders.member(alice.account, "rhea", role)), newest(alice)
    page = text_of(client.get(LIST))
    assert key.prefix in page
    assert "Make one" not in page
    assert "Revoke" not in text_of(client.get(f"{LIST}{key.pk}/")).replace("Revoked", "")
    assert client.post(LIST, asked(alice)).status_code == 403
    for act in ("change", "rotate", "revoke"):
        assert client.post(f"{LIST}{key.pk}/{act}/", {"overlap_hours": 1, "name": "x"}).status_code == 403, act
    assert ApiKey.objects.get(agent=alice.agent, revoked_at=None, rotated_to=None).name == key.name


def test_a_rotation_shows_the_new_key_once_and_lets_the_old_one_go_on() -> None:
    alice = builders.tenant()
    old, client = newest(alice), seat(alice.owner)
    here = f"{LIST}{old.pk}/"
    assert "Show who you are" in text_of(client.get(here))
    assert (
        client.post(f"{here}rotate/", {"overlap_hours": 2}).headers["Location"].startswith("/settings/security/prove/")
    )
    client = proven(alice.owner)
    assert client.post(f"{here}rotate/", {"overlap_hours": 25}).status_code == 422
    secret = secret_in(text_of(client.post(f"{here}rotate/", {"overlap_hours": 2})))
    old.refresh_from_db()
    assert keys.authenticate(secret, now=clock.now()).key == old.rotated_to
    assert old.expires_at
    assert timedelta(hours=1) < old.expires_at - clock.now() <= timedelta(hours=2)
    page = text_of(client.get(here))
    assert "Replaced, goes on for now" in page
    assert secret not in page
    assert client.post(f"{here}rotate/", {"overlap_hours": 2}).status_code == 422  # already rotated


def test_a_key_is_bound_more_tightly_and_what_is_left_alone_stays() -> None:
    alice = builders.tenant()
    ends = clock.now() + timedelta(days=90, minutes=7)
    key, _ = keys.create_agent_key(alice.agent, name="CI", terms=Terms(ends, ("198.51.100.0/24",)), now=clock.now())
    client, here = proven(alice.owner), f"{LIST}{key.pk}/"
    fields = dict(re.findall(r'id="(name|last_day|addresses)"[^>]*? value="([^"]*)"', text_of(client.get(here))))
    assert client.post(f"{here}change/", fields | {"addresses": "198.51.100.7"}).headers["Location"] == here
    key.refresh_from_db()
    assert (key.expires_at, key.ip_allowlist, key.name) == (ends, ["198.51.100.7"], "CI")
    assert client.post(f"{here}change/", fields | {"last_day": "2020-01-01"}).status_code == 422


@pytest.mark.parametrize(
    ("choice", "sentence", "status"),
    [("hold", "comes before people again", Status.HELD), ("cancel", "is cancelled", Status.CANCELLED)],
)
def test_a_revocation_says_what_becomes_of_queued_mail_and_does_it(choice: str, sentence: str, status: Status) -> None:
    alice = builders.tenant()
    account_options.set_revoked_key_mail(alice.owner, choice, now=clock.now())
    review, key = builders.held(alice), newest(alice)
    decisions.approve(review, reviewer=builders.reviewer(alice.owner), version=1, now=clock.now())
    client, here = seat(alice.owner), f"{LIST}{key.pk}/revoke/"
    page = text_of(client.get(here))
    assert "1 message of it is about to leave" in page
    assert sentence in page
    assert client.post(here).headers["Location"] == LIST
    with pytest.raises(Unauthenticated):
        keys.authenticate(alice.key_text, now=clock.now())
    revoked_keys.settle(now=clock.now())
    assert Message.objects.get(pk=review.message_id).status == status
    assert "No agent has a key that is good" in text_of(client.get(LIST))
    assert key.prefix in text_of(client.get(f"{LIST}?state=over"))
    assert "Show who you are" not in text_of(client.get(f"{LIST}{key.pk}/"))


def test_a_key_that_nobody_uses_is_flagged() -> None:
    alice = builders.tenant()
    client = seat(alice.owner)
    assert "Unused</span>" not in text_of(client.get(LIST))
    long_ago = clock.now() - timedelta(days=31)
    ApiKey.objects.filter(pk=newest(alice).pk).update(created_at=long_ago, last_used_at=long_ago)
    assert "Unused</span>" in text_of(client.get(LIST))


def test_names_that_hold_markup_are_shown_as_they_are() -> None:
    """A58: through the names of keys, agents and people."""
    alice = builders.tenant()
    attack = "<img src=x onerror=alert(1)>\u202e"
    alice.agent.name = attack
    alice.agent.save(update_fields=["name"])
    type(alice.owner.user).objects.filter(pk=alice.owner.user_id).update(name=attack)
    wanted = member_keys.Wanted(alice.agent.pk, attack, reaches_all=True)
    key, _ = member_keys.make(alice.owner, wanted=wanted, now=clock.now())
    client = seat(alice.owner)
    for path in (LIST, f"{LIST}{key.pk}/", f"{LIST}{key.pk}/revoke/", "/access/", "/audit/"):
        page = text_of(client.get(path))
        assert "<img" not in page, path
        assert "\u202e" not in page, path
    assert "&lt;img src=x" in text_of(client.get(LIST))


def test_the_list_asks_no_more_however_many_keys_there_are(django_assert_max_num_queries: object) -> None:
    alice = builders.tenant()
    box = Mailbox.objects.get(pk=alice.mailbox.pk)
    for number in range(60):
        keys.create_agent_key(alice.agent, name=f"k{number}", mailboxes=[box], now=clock.now())
    client = seat(alice.owner)
    with django_assert_max_num_queries(13):  # type: ignore[operator]
        page = text_of(client.get(LIST))
    assert 'rel="next"' in page
    assert "k3<" in page
    assert "k59<" in text_of(client.get(re.findall(r'href="([^"]*)" rel="next"', page)[0].replace("&amp;", "&")))
