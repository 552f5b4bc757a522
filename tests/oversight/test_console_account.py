"""What owners and admins choose for their account: the oversight address by proof, claims, mail of revoked keys."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from mailboxes import account_options, clock, operator_approval, oversight_address
from mailboxes.errors import Forbidden
from mailboxes.models import Account, Event, Member, Role
from messaging.models import Message
from oversight import claims
from oversight.models import Claims
from tests import builders, postman
from tests.builders import PASSWORD, Tenant
from tests.conftest import Clock
from tests.oversight.console import seat, text_of

pytestmark = pytest.mark.django_db

HERE = "/settings/account/"
WATCH = "watch@people.example"


def proven(member: Member) -> Client:
    """A browser whose person has just shown who they are."""
    client = seat(member)
    client.post("/settings/security/prove/", {"password": PASSWORD})
    return client


def mails_to(address: str) -> list[Message]:
    return list(postman.mails_to(address, account__is_platform=True).order_by("pk"))


def link() -> str:
    found = re.search(r"/o/[^/\s]+/", mails_to(WATCH)[-1].body_text)
    assert found
    return found.group()


def ask(alice: Tenant, address: str = WATCH) -> None:
    assert oversight_address.ask(alice.owner, address, now=clock.now())


def kinds(account: Account) -> list[str]:
    return list(Event.objects.filter(account=account).order_by("seq").values_list("kind", flat=True))


def test_an_oversight_address_is_the_accounts_once_whoever_reads_it_says_yes() -> None:
    alice = builders.tenant()
    client = proven(alice.owner)
    assert client.post(HERE, {"what": "address", "address": f" {WATCH.upper()} "}).headers["Location"] == HERE
    assert oversight_address.find(alice.account) == alice.owner.user.email  # nothing has changed yet
    page = text_of(client.get(HERE))
    assert f"{WATCH} was asked" in page
    assert "asked that copies and codes" in mails_to(alice.owner.user.email)[-1].body_text  # the one of now is told
    stranger, here = Client(), link()
    assert WATCH in text_of(stranger.get(here))
    assert oversight_address.find(Account.objects.get(pk=alice.account.pk)) == alice.owner.user.email  # a GET is no yes
    assert "from now on" in text_of(stranger.post(here))
    assert oversight_address.find(Account.objects.get(pk=alice.account.pk)) == WATCH
    assert "has changed" in mails_to(alice.owner.user.email)[-1].subject
    assert stranger.post(here).status_code == 410  # once
    told = Event.objects.filter(account=alice.account, kind__startswith="account.oversight_email").order_by("seq")
    assert [json.loads(event.data)["by"] for event in told] == [f"member:{alice.owner.pk}"] * 2
    assert not any(WATCH in event.data for event in told)


def test_without_fresh_proof_nothing_is_asked_and_what_was_typed_comes_back() -> None:
    alice = builders.tenant()
    client = seat(alice.owner)
    to = client.post(HERE, {"what": "address", "address": WATCH}).headers["Location"]
    assert to.startswith("/settings/security/prove/")
    assert mails_to(WATCH) == []
    back = client.post(to, {"password": PASSWORD, "next": f"{HERE}?address={WATCH}&again=yes"}).headers["Location"]
    page = text_of(client.get(back))
    assert f'value="{WATCH}"' in page
    assert "Nothing is saved yet" in page


@pytest.mark.parametrize(
    "address", ["x@agents.example", "nobody", "a@b@c", "x" * 400], ids=["ours", "none", "two", "long"]
)
def test_an_address_that_agents_could_read_or_that_is_none_is_not_asked(address: str) -> None:
    alice = builders.tenant()
    response = proven(alice.owner).post(HERE, {"what": "address", "address": address})
    assert response.status_code == 422
    assert "field-error" in text_of(response)
    assert "account.oversight_email_asked" not in kinds(alice.account)


def test_a_link_dies_with_the_next_request_when_it_is_taken_back_and_in_time(clock: Clock) -> None:
    alice = builders.tenant()
    clock.set(clock.now())
    links = []
    for seconds in (0, 1):
        clock.advance(seconds=seconds)
        ask(alice)
        links.append(link())
    assert [Client().get(one).status_code for one in links] == [410, 200]
    assert proven(alice.owner).post(HERE, {"what": "drop_address"}).status_code == 302
    assert Client().post(links[1]).status_code == 410
    assert kinds(alice.account)[-1] == "account.oversight_email_dropped"
    ask(alice)
    clock.advance(seconds=settings.OVERSIGHT_ADDRESS_HOURS * 3600 + 1)
    assert Client().post(link()).status_code == 410
    assert Client().get("/o/forged/").status_code == 410


def test_what_an_operator_sets_ends_what_a_member_asked() -> None:
    alice = builders.tenant()
    ask(alice)
    here = link()
    oversight_address.change(alice.account, "boss@people.example", by="operator:x", now=clock.now())
    assert Client().post(here).status_code == 410
    assert oversight_address.find(Account.objects.get(pk=alice.account.pk)) == "boss@people.example"


def test_back_to_the_owners_address_is_at_once_and_the_other_is_told() -> None:
    alice = builders.tenant()
    oversight_address.change(alice.account, WATCH, by="operator:x", now=clock.now())
    ask(alice, "")
    assert oversight_address.find(Account.objects.get(pk=alice.account.pk)) == alice.owner.user.email
    assert "is to change" in mails_to(WATCH)[-1].subject


def test_no_stranger_is_mailed_more_than_a_few_times_an_hour(settings: Settings) -> None:
    settings.OVERSIGHT_ADDRESS_ASKS = 2
    alice = builders.tenant()
    client = proven(alice.owner)
    answers = [client.post(HERE, {"what": "address", "address": f"a{number}@x.example"}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 422]
    assert mails_to("a2@x.example") == []


@pytest.mark.parametrize(
    ("before", "after", "takes_proof"), [("optional", "required", False), ("required", "off", True)]
)
def test_claims_are_loosened_by_proof_only(before: str, after: str, takes_proof: bool) -> None:
    alice = builders.tenant()
    claims.set_mode(alice.owner_actor, before, now=clock.now())
    client = seat(alice.owner)
    to = client.post(HERE, {"what": "claims", "claims": after}).headers["Location"]
    assert to.startswith("/settings/security/prove/") is takes_proof
    assert claims.mode(alice.account) == (before if takes_proof else after)
    proven(alice.owner).post(HERE, {"what": "claims", "claims": after})
    assert claims.mode(alice.account) == after
    assert client.post(HERE, {"what": "claims", "claims": "sometimes"}).status_code == 422


def test_mail_of_revoked_keys_is_the_accounts_to_choose() -> None:
    alice = builders.tenant()
    client = seat(alice.owner)
    assert client.post(HERE, {"what": "revoked_key_mail", "revoked_key_mail": "cancel"}).headers["Location"] == HERE
    alice.account.refresh_from_db()
    assert account_options.revoked_key_mail(alice.account) == "cancel"
    event = Event.objects.filter(account=alice.account).latest("seq")
    told = {"by": f"member:{alice.owner.pk}", "choice": "cancel"}
    assert (event.kind, json.loads(event.data)) == ("account.revoked_key_mail_changed", told)
    to = client.post(HERE, {"what": "revoked_key_mail", "revoked_key_mail": ""}).headers["Location"]
    assert to.startswith("/settings/security/prove/")  # the server holds it, and people may let it go
    for wrong in ("keep", "burn"):
        answer = client.post(HERE, {"what": "revoked_key_mail", "revoked_key_mail": wrong})
        assert answer.status_code == 422, wrong


def test_dangerous_acts_wait_at_once_and_are_freed_by_proof_only() -> None:
    alice = builders.tenant()
    client, asked = seat(alice.owner), {"what": "operator_approval"}
    assert client.post(HERE, asked | {"operator_approval": "yes"}).headers["Location"] == HERE
    assert operator_approval.is_required(alice.account)
    free = asked | {"operator_approval": "no"}
    assert client.post(HERE, free).headers["Location"].startswith("/settings/security/prove/")
    assert operator_approval.is_required(alice.account)
    proven(alice.owner).post(HERE, free)
    assert not operator_approval.is_required(alice.account)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
def test_who_does_not_manage_the_account_sees_its_options_and_sets_none(role: Role) -> None:
    alice = builders.tenant()
    vera = builders.member(alice.account, "vera", role)
    client = proven(vera)
    page = text_of(client.get(HERE))
    assert "An owner or admin chooses it." in page
    assert 'name="what"' not in re.sub(
        r"<form.*?_key_mail.*?</form>|<form.*?claims.*?</form>", "", page, flags=re.DOTALL
    )
    for fields in (
        {"what": "address", "address": WATCH},
        {"what": "claims", "claims": "off"},
        {"what": "drop_address"},
    ):
        assert client.post(HERE, fields).status_code == 403
    assert claims.mode(alice.account) == Claims(settings.CLAIMS)
    with pytest.raises(Forbidden):
        oversight_address.ask(vera, WATCH, now=clock.now())


def test_a_link_of_a_deleted_account_is_over(clock: Clock) -> None:
    alice = builders.tenant()
    ask(alice)
    here = link()
    Account.objects.filter(pk=alice.account.pk).update(departed_at=clock.now() + timedelta(0))
    assert Client().post(here).status_code == 410
