"""Looks at the DNS of domains, answered by a real name server on loopback, by UDP and TCP."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
import zeal
from django.core.management import CommandError, call_command
from pytest_django import Settings

from mailboxes import addresses, clock, departure, dkim_keys, dns_records, domain_state, domains, mailbox
from mailboxes.errors import Forbidden
from mailboxes.models import Domain, DomainStatus, Event, MailboxStatus
from messaging import domain_checks
from tests import builders
from tests.builders import Tenant
from tests.domain_zone import add, check, serving, verified, zone_of
from tests.fakes.dns import name_server

pytestmark = pytest.mark.django_db

NAME = "shop.example"


@pytest.fixture
def alice() -> Tenant:
    return builders.tenant()


def kinds(domain: Domain) -> list[str]:
    """What the log tells of the domain."""
    return list(Event.objects.filter(subject=str(domain.pk)).order_by("seq").values_list("kind", flat=True))


def problems(domain: Domain) -> dict[str, str]:
    """By label, what the last look found to be wrong."""
    return {one["label"].partition(":")[0]: one["problem"] for one in domain.checks if one["problem"]}


def test_a_published_domain_is_verified_at_the_first_look(alice: Tenant) -> None:
    domain = add(alice.account)
    with serving(zone_of(domain)):
        domain = check(domain)
    assert domain.status == DomainStatus.VERIFIED
    assert all(getattr(domain, flag) for flag in domain_state.FLAGS)
    assert (problems(domain), domain.takes_bounces, len(domain.checks)) == ({}, True, 7)
    assert kinds(domain) == ["domain.added", "domain.verified"]
    assert addresses.is_ours(NAME)


def test_what_is_missing_is_told_record_by_record_and_what_stands_is_kept(alice: Tenant) -> None:
    domain = add(alice.account)
    zone = zone_of(domain)
    whole = dict(zone)
    for missing in ("_gatepost." + NAME, "send." + NAME):
        del zone[missing, "TXT"]
    with serving(zone):
        domain = check(domain)
        assert (domain.status, domain.mx_verified, domain.dkim_verified) == ("PENDING_VERIFICATION", True, True)
        assert not domain.spf_verified
        assert not domain.is_ownership_verified
        assert problems(domain) == {
            "ownership": f"There is no such TXT record at _gatepost.{NAME} yet.",
            "spf": f"There is no such TXT record at send.{NAME} yet.",
        }
        check(domain)
        zone.clear()
        zone.update(whole)
        del zone[NAME, "MX"]
        domain = check(domain)
        assert domain.mx_verified, "what was verified stays so"
        assert domain.status == DomainStatus.VERIFIED
    assert kinds(domain) == ["domain.added", "domain.check_failed", "domain.verified"]


@pytest.mark.parametrize(
    ("host", "kind", "values", "label", "told"),
    [
        (NAME, "MX", ["5 mx.other.example", "10 mail.agents.example"], "mx", "goes to mx.other.example first"),
        (NAME, "MX", ["10 mx.other.example"], "mx", "goes to mx.other.example, not to mail.agents.example"),
        (NAME, "MX", ["0 ."], "mx", "goes to nobody"),
        (f"send.{NAME}", "TXT", ["v=spf1 -all"], "spf", "put include:agents.example before `all`"),
        (f"send.{NAME}", "TXT", ["v=spf1 -all include:agents.example"], "spf", "before `all`"),
        (f"send.{NAME}", "TXT", ["v=spf1 -include:agents.example ~all"], "spf", "does not name this server"),
        (f"send.{NAME}", "TXT", ["v=spf1 include:agents.example ~all", "v=spf1 mx -all"], "spf", "2 SPF records"),
        (f"_dmarc.{NAME}", "TXT", ["v=DMARC1; rua=mailto:a@b.example"], "dmarc", "says no policy"),
        (f"_dmarc.{NAME}", "TXT", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "dmarc", "2 DMARC records"),
        (f"_dmarc.{NAME}", "TXT", ["something else"], "dmarc", "no such TXT record"),
        (f"_gatepost.{NAME}", "TXT", ["gatepost-verification="], "ownership", "not the wanted one"),
        (f"_gatepost.{NAME}", "TXT", ["x" * 5000] * 12, "ownership", "not the wanted one"),
    ],
)
def test_a_wrong_record_is_told_in_words(
    alice: Tenant, host: str, kind: str, values: list[str], label: str, told: str
) -> None:
    domain = add(alice.account)
    with serving(zone_of(domain) | {(host, kind): values}):
        domain = check(domain)
    assert domain.status == DomainStatus.PENDING_VERIFICATION
    assert set(problems(domain)) == {label}
    assert told in problems(domain)[label]
    [found] = [one["found"] for one in domain.checks if one["label"] == label]
    assert len(found) <= 5
    assert all(len(value) <= 300 for value in found)


def test_the_record_of_another_account_proves_nothing(alice: Tenant) -> None:
    """A54: A token is one account's: who sees it in the DNS can't use it, nor with anything around it."""
    domain, other = add(alice.account), add(builders.tenant("charlie").account)
    zone, theirs = zone_of(domain), zone_of(other)
    host = f"_gatepost.{NAME}"
    token = zone[host, "TXT"][0]
    for values in (theirs[host, "TXT"], [token + " "], [token.upper()], [f'{token}" "x'], [f"a {token}"]):
        with serving(zone | {(host, "TXT"): values}):
            assert "ownership" in problems(check(domain))
    with serving(zone | {(host, "TXT"): [*theirs[host, "TXT"], token, "v=spf1 -all"]}):
        assert check(domain).status == DomainStatus.VERIFIED


def test_who_holds_the_end_of_a_forgotten_alias_proves_nothing(alice: Tenant) -> None:
    """A54: `*.shop.example CNAME gone.example`, and Alice has taken gone.example."""
    domain = add(alice.account)
    zone = zone_of(domain)
    token = zone.pop((f"_gatepost.{NAME}", "TXT"))
    with serving(zone | {(f"*.{NAME}", "CNAME"): ["gone.example"], ("gone.example", "TXT"): token}):
        domain = check(domain)
    assert problems(domain) == {
        "ownership": f"_gatepost.{NAME} is a CNAME; the TXT record must stand at this very name."
    }
    assert domain.status == DomainStatus.PENDING_VERIFICATION


def test_a_wildcard_that_answers_everything_is_no_proof(alice: Tenant) -> None:
    """A54."""
    domain = add(alice.account)
    zone = {(f"*.{NAME}", "TXT"): ["v=spf1 include:agents.example ~all"], (NAME, "TXT"): ["x"]}
    with serving(zone | {(NAME, "MX"): ["10 mail.agents.example"], (f"*.{NAME}", "MX"): ["10 mail.agents.example"]}):
        domain = check(domain)
    assert (domain.mx_verified, domain.spf_verified) == (True, True)
    assert set(problems(domain)) == {"ownership", "dkim", "dmarc"}


def test_hostile_text_is_shown_as_plain_characters(alice: Tenant) -> None:
    """A54, A58."""
    domain = add(alice.account)
    with serving(zone_of(domain) | {(f"_gatepost.{NAME}", "TXT"): ["<script>\x00\r\n\x1b[31m\u202e"]}):
        domain = check(domain)
    [found] = [one["found"] for one in domain.checks if one["label"] == "ownership"]
    assert found[0].startswith("<script>")
    assert found[0].replace("\ufffd", "").isascii()
    assert found[0].isprintable() or "\ufffd" in found[0]
    assert not set(found[0]) & {"\x00", "\r", "\n", "\x1b", "\u202e"}


def test_an_answer_too_long_for_a_datagram_comes_by_tcp(alice: Tenant) -> None:
    domain = add(alice.account)
    zone = zone_of(domain)
    zone[f"_gatepost.{NAME}", "TXT"] = ["filler " * 30] * 20 + zone[f"_gatepost.{NAME}", "TXT"]
    with serving(zone):
        assert check(domain).status == DomainStatus.VERIFIED


def test_silence_says_nothing_and_costs_its_time_once_for_all_records(
    alice: Tenant, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain_checks, "BUDGET_SECONDS", 4)
    domain = add(alice.account)
    with name_server({}, delay=60, quiet=True) as server:
        settings.DNS_RESOLVERS = [server]
        began = time.monotonic()
        domain = check(domain)
        assert time.monotonic() - began < 20, "seven questions one after the other would take 28 s"
    assert all("Nobody answered" in problem for problem in problems(domain).values())
    assert (len(problems(domain)), domain.failing, kinds(domain)) == (6, [], ["domain.added"])
    with name_server({}, fails=True, quiet=True) as server:
        settings.DNS_RESOLVERS = [server]
        assert check(domain).failing == []


def test_a_chain_of_aliases_without_end_is_no_answer(alice: Tenant) -> None:
    domain = add(alice.account)
    host = f"_gatepost.{NAME}"
    with serving(zone_of(domain) | {(host, "CNAME"): [host], (host, "TXT"): []}):
        assert set(problems(check(domain))) == {"ownership"}


def test_who_proves_it_first_has_it(alice: Tenant) -> None:
    """A54."""
    charlie = builders.tenant("charlie")
    first, second = add(alice.account), add(charlie.account)
    zone, theirs = zone_of(first), zone_of(second)
    both = zone | theirs | {key: list({*zone.get(key, []), *theirs[key]}) for key in theirs}
    with serving(both):
        assert check(second).status == DomainStatus.VERIFIED
        waiting = check(first)
        assert (waiting.status, problems(waiting)) == (DomainStatus.DNS_VERIFIED, {})
        domains.delete(second, by="test", now=clock.now())
        assert check(first).status == DomainStatus.VERIFIED


def test_a_verified_domain_that_changes_has_drifted_and_recovers_and_each_is_told_once(alice: Tenant) -> None:
    domain = verified(alice.account)
    zone = zone_of(domain)
    mx = zone.pop((NAME, "MX"))
    with serving(zone):
        for _ in range(2):
            domain = check(domain)
            assert domain_state.has_drifted(domain)
        assert (domain.status, domain.mx_verified) == (DomainStatus.VERIFIED, True)
        zone[NAME, "MX"] = mx
        for _ in range(2):
            assert not domain_state.has_drifted(check(domain))
    assert kinds(domain)[2:] == ["domain.drifted", "domain.recovered"]
    told = Event.objects.get(kind="domain.drifted")
    assert '"failing":["mx"]' in told.data


def test_a_lost_domain_sends_nothing_after_days_and_again_once_it_is_proved(alice: Tenant, settings: Settings) -> None:
    """A54: frozen when the proof is lost."""
    domain = verified(alice.account)
    box = mailbox.create(alice.account, mailbox.NewMailbox("desk", domain), now=clock.now())
    paused = mailbox.create(alice.account, mailbox.NewMailbox("idle", domain), now=clock.now())
    mailbox.change(paused, status="PAUSED", now=clock.now())
    zone = zone_of(domain)
    now = clock.now()
    with serving({}):
        assert check(domain, now=now).frozen_at is None
        assert check(domain, now=now + timedelta(days=2, hours=23)).frozen_at is None
        domain = check(domain, now=now + timedelta(days=3))
    box.refresh_from_db()
    assert (box.status, box.suspended_reason) == (MailboxStatus.SUSPENDED, "domain_lost")
    assert domain.frozen_at is not None
    paused.domain.refresh_from_db()
    with pytest.raises(Forbidden):
        mailbox.change(paused, status="ACTIVE", now=clock.now())
    with pytest.raises(Forbidden):
        mailbox.create(alice.account, mailbox.NewMailbox("new", domain), now=clock.now())
    with serving(zone):
        domain = check(domain, now=now + timedelta(days=4))
    box.refresh_from_db()
    paused.refresh_from_db()
    assert (box.status, paused.status) == (MailboxStatus.ACTIVE, MailboxStatus.PAUSED)
    assert kinds(domain)[2:] == ["domain.drifted", "domain.frozen", "domain.recovered", "domain.thawed"]


def test_a_lost_token_does_not_freeze_while_our_key_stands_nor_does_silence(alice: Tenant, settings: Settings) -> None:
    domain = verified(alice.account)
    zone = zone_of(domain)
    del zone[f"_gatepost.{NAME}", "TXT"]
    now = clock.now()
    with serving(zone):
        check(domain, now=now)
        assert check(domain, now=now + timedelta(days=9)).frozen_at is None
    with name_server({}, fails=True, quiet=True) as server:
        settings.DNS_RESOLVERS = [server]
        check(domain, now=now + timedelta(days=20))
        assert check(domain, now=now + timedelta(days=30)).frozen_at is None


def test_the_sweep_looks_every_five_minutes_until_verified_and_daily_from_then_on(alice: Tenant) -> None:
    now = clock.now()
    domain = add(alice.account, now=now)
    zone: dict[tuple[str, str], list[str]] = {}
    with serving(zone), zeal.zeal_ignore():
        assert domain_checks.sweep(now=now) == 1
        assert domain_checks.sweep(now=now + timedelta(minutes=4)) == 0
        zone.update(zone_of(domain))
        assert domain_checks.sweep(now=now + timedelta(minutes=5)) == 1
        assert Domain.objects.get(pk=domain.pk).status == DomainStatus.VERIFIED
        assert domain_checks.sweep(now=now + timedelta(hours=23)) == 0
        assert domain_checks.sweep(now=now + timedelta(days=1, minutes=6)) == 1


def test_a_domain_that_nobody_publishes_is_given_up_and_verified_when_asked_for(alice: Tenant) -> None:
    domain = add(alice.account)
    now = clock.now()
    with serving({}), zeal.zeal_ignore():
        domain_checks.sweep(now=now + timedelta(days=15))
        domain.refresh_from_db()
        assert (domain.status, domain.check_due_at) == (DomainStatus.FAILED, None)
        assert domain_checks.sweep(now=now + timedelta(days=40)) == 0
    with serving(zone_of(domain)):
        assert check(domain).status == DomainStatus.VERIFIED


def test_nobody_looks_while_somebody_looks(alice: Tenant) -> None:
    domain = add(alice.account)
    now = clock.now()
    assert domain_state.claim(domain, now=now)
    with serving(zone_of(domain)):
        assert check(domain, now=now).status == DomainStatus.PENDING_VERIFICATION
        assert check(domain, now=now + timedelta(seconds=16)).status == DomainStatus.VERIFIED


def test_without_resolvers_nothing_is_asked_and_nothing_concluded(alice: Tenant, settings: Settings) -> None:
    domain = add(alice.account)
    settings.DNS_RESOLVERS = ["off"]
    assert domain_checks.sweep(now=clock.now()) == 0
    domain = check(domain)
    assert (domain.failing, len(problems(domain))) == ([], 6)
    with pytest.raises(CommandError, match="off"):
        call_command("check_domains")


def test_a_domain_deleted_while_the_sweep_looks_stays_deleted(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    domain = add(alice.account)
    look = domain_checks.look

    def look_and_lose(found: Any) -> Any:
        checks = look(found)
        domains.delete(domain, by="test", now=clock.now())
        return checks

    monkeypatch.setattr(domain_checks, "look", look_and_lose)
    with serving({}):
        assert domain_checks.sweep(now=clock.now()) == 1
    assert not Domain.objects.filter(pk=domain.pk).exists()


def test_nobody_looks_at_the_domains_of_a_deleted_account(alice: Tenant) -> None:
    domain = verified(alice.account)
    departure.depart(alice.account, by="test", now=clock.now())
    with serving({}):
        assert domain_checks.sweep(now=clock.now() + timedelta(days=2)) == 0
        check(domain)
    assert kinds(domain)[-1] == "domain.verified"


def test_the_operators_command_tells_what_is_wrong_and_fails_on_drift(
    alice: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = verified(alice.account)
    zone = zone_of(domain)
    with serving(zone), zeal.zeal_ignore():
        call_command("check_domains", NAME.upper() + ".")
        assert "shop.example: VERIFIED" in capsys.readouterr().out
        del zone[f"_dmarc.{NAME}", "TXT"]
        with pytest.raises(CommandError, match=r"Drifted: shop\.example"):
            call_command("check_domains")
        assert f"dmarc: There is no such TXT record at _dmarc.{NAME} yet." in capsys.readouterr().out
        with pytest.raises(CommandError, match="no domain"):
            call_command("check_domains", "unknown.example")


def test_new_keys_that_nobody_has_published_yet_are_no_drift(alice: Tenant) -> None:
    domain = verified(alice.account)
    zone = zone_of(domain)
    dkim_keys.begin_rotation(domain, by="test", now=clock.now())
    assert len(dns_records.of(Domain.objects.get(pk=domain.pk)).dkim) == 4
    with serving(zone):
        domain = check(domain)
    assert (domain.failing, len(problems(domain))) == ([], 1)
    assert kinds(domain)[2:] == ["domain.keys_made"]
