"""manage.py verify_email, set_mode, dns_records."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from mailboxes import accounts, clock, domains
from mailboxes.models import Event, Member, Role
from mailboxes.modes import OversightMode
from tests import builders

pytestmark = pytest.mark.django_db


def output_of(command: str, *arguments: str) -> str:
    output = StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


def test_an_address_is_verified_and_the_link_lets_the_human_set_a_password() -> None:
    alice = builders.tenant(is_verified=False)
    printed = output_of("verify_email", alice.owner.user.email.upper())
    alice.owner.user.refresh_from_db()
    assert alice.owner.user.email_verified_at is not None
    token = re.search(r"/verify/([^/]+)/", printed)
    assert token is not None
    user = accounts.read_verification_token(token.group(1))
    accounts.verify_email(user, password="an entirely different horse", now=clock.now())
    assert user.is_proven_human


def test_no_link_is_printed_for_a_human_with_a_password_of_their_own() -> None:
    alice = builders.tenant()
    assert "/verify/" not in output_of("verify_email", alice.owner.user.email)


def test_verifying_an_unknown_address_says_so() -> None:
    with pytest.raises(CommandError, match="No user has the address"):
        output_of("verify_email", "nobody@people.example")


def test_the_mode_of_a_mailbox_is_set_and_told() -> None:
    alice = builders.tenant()
    address = alice.mailbox.full_address
    assert output_of("set_mode", address.upper(), "monitored") == f"{address} is monitored.\n"
    assert output_of("set_mode", address, "monitored") == f"{address} is monitored already.\n"
    alice.mailbox.refresh_from_db()
    assert alice.mailbox.mode == OversightMode.MONITORED
    event = Event.objects.filter(account=alice.account, kind="mailbox.mode_changed").get()
    assert json.loads(event.data)["by"] == "operator:shell"


def test_a_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        output_of("set_mode", builders.tenant().mailbox.full_address, "free")


def test_the_mode_of_an_unknown_mailbox_is_not_set() -> None:
    with pytest.raises(CommandError, match="no mailbox"):
        output_of("set_mode", "nobody@agents.example", "monitored")


def test_the_platforms_records_name_its_key() -> None:
    records = json.loads(output_of("dns_records", "--json"))
    house = accounts.platform()
    key = house.domain.dkim_keys.get(selector="gp1")
    signing = {"type": "TXT", "host": "gp1._domainkey.agents.example", "value": f"v=DKIM1; k=rsa; p={key.public_key}"}
    assert signing in records
    assert {"type": "MX", "host": "agents.example", "value": "mail.agents.example", "priority": 10} in records
    assert all({"type", "host", "value"} <= record.keys() for record in records)


def test_the_platforms_records_come_first_and_one_domain_can_be_chosen() -> None:
    alice = builders.tenant()
    builders.limit(alice.account, "domains", 0)
    domains.add(alice.account, "a.example", now=clock.now())
    lines = output_of("dns_records").splitlines()
    assert lines[0] == "MX   agents.example 10 mail.agents.example"
    hosts = [line.split()[1] for line in output_of("dns_records", "--domain", "A.example.").splitlines()]
    assert hosts[:4] == ["_gatepost.a.example", "a.example", "send.a.example", "send.a.example"]
    assert hosts[-1] == "_dmarc.a.example"
    assert len(hosts) == 7


def test_the_records_come_as_a_zone_file() -> None:
    zone = output_of("dns_records", "agents.example", "--zone").splitlines()
    assert zone[0] == "agents.example. 3600 IN MX 10 mail.agents.example."
    assert zone[2].startswith('gp1._domainkey.agents.example. 3600 IN TXT "v=DKIM1; k=rsa; p=')


def test_rotating_makes_keys_that_wait_and_refuses_to_begin_twice() -> None:
    accounts.platform()
    assert "gp2._domainkey.agents.example and gp2e._domainkey.agents.example" in output_of(
        "rotate_dkim", "agents.example"
    )
    assert "gp2e._domainkey.agents.example" in output_of("dns_records")
    with pytest.raises(CommandError, match="wait for their records already"):
        output_of("rotate_dkim", "agents.example")
    with pytest.raises(CommandError, match="no verified domain"):
        output_of("rotate_dkim", "b.example")


def test_the_records_of_an_unknown_domain_say_so() -> None:
    with pytest.raises(CommandError, match="no domain"):
        output_of("dns_records", "--domain", "unknown.example")


def test_an_account_is_suspended_by_its_slug_and_resumed_by_an_address_of_its_people() -> None:
    alice = builders.tenant()
    builders.twin(alice)
    slug, email = alice.account.slug, alice.owner.user.email
    assert output_of("suspend", slug, "--reason", "bounce_rate_exceeded") == f"{slug} is suspended.\n"
    assert output_of("suspend", slug.upper(), "--reason", "again") == f"{slug} is suspended already.\n"
    alice.account.refresh_from_db()
    assert alice.account.suspended_reason == "bounce_rate_exceeded"
    assert output_of("resume", email.upper()) == f"{slug} is resumed.\n"
    assert output_of("resume", slug) == f"{slug} was not suspended.\n"
    kinds = Event.objects.filter(account=alice.account, subject=str(alice.account.pk)).order_by("seq")
    assert list(kinds.values_list("kind", flat=True))[-2:] == ["account.suspended", "account.reactivated"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("suspend", "nobody", "--reason", "x"), "There is no account nobody"),
        (("suspend", "platform", "--reason", "x"), "There is no account platform"),
        (("resume", "nobody@people.example"), "There is no account"),
        (("suspend", "alice"), "--reason"),
    ],
)
def test_suspending_says_what_it_does_not_understand(arguments: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        output_of(*arguments)


@pytest.mark.parametrize(("reason", "complaint"), [(" ", "needs a reason"), ("x" * 201, "at most 200")])
def test_a_suspension_has_a_reason_of_one_sentence(reason: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        output_of("suspend", builders.tenant().account.slug, "--reason", reason)


def test_a_person_of_several_accounts_names_none() -> None:
    alice, bob = builders.tenant(), builders.tenant("bob")
    Member.objects.create(user=bob.owner.user, account=alice.account, role=Role.ADMIN)
    with pytest.raises(CommandError, match=f"Give the slug: {alice.account.slug}, {bob.account.slug}"):
        output_of("suspend", bob.owner.user.email, "--reason", "x")


@override_settings(PUBLIC_URL="https://gate.example")
def test_the_link_is_on_the_public_address() -> None:
    alice = builders.tenant(is_verified=False)
    assert "https://gate.example/verify/" in output_of("verify_email", alice.owner.user.email)
