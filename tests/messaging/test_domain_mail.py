"""Mail of domains of an account's own: signed by both keys, bounced to `send.`, verifiable at every step of a rotation.

Everything is real: the name server, the relay, the SMTP listener, and a verifier that is not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import dkim
import dns.resolver
import pytest
import zeal
from django.conf import settings as live_settings
from pytest_django import Settings

from mailboxes import accounts, clock, dkim_keys, domains, keys, mailbox
from mailboxes.models import DkimKey, Domain, Mailbox
from mailboxes.modes import OversightMode
from messaging import domain_checks, return_paths
from messaging.inbound import dns_lookups, intake
from messaging.models import Message, Recipient, Status
from messaging.outbound import alignment, delivery, dispatch, mail, outbox
from messaging.outbound.outcomes import OutcomeKind
from messaging.outbound.transports import smtp
from oversight import submission
from tests import builders
from tests.arrivals import arrive, receive
from tests.builders import Tenant
from tests.domain_zone import Zone, add, check, serving, verified, zone_of
from tests.fakes.sink import Sink, Taken
from tests.letters import letter
from tests.listeners import Dialogue, listening
from tests.messaging.outbound import relay as relay

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "shop.example"


@pytest.fixture
def alice() -> Iterator[Tenant]:
    with zeal.zeal_ignore():  # each mail is one of its own
        alice = builders.tenant(mode=OversightMode.AUTONOMOUS)
        dispatch.drain()
        yield alice


def desk(owner: Tenant, domain: Domain) -> Mailbox:
    """A mailbox on the domain that sends by itself."""
    wanted = mailbox.NewMailbox("desk", domain, agent=owner.agent, mode=OversightMode.AUTONOMOUS)
    return mailbox.create(owner.account, wanted, now=clock.now())


def sent_from(owner: Tenant, box: Mailbox, relay: Sink) -> Taken:
    """A mail that the mailbox has sent, as the relay took it."""
    actor = keys.authenticate(owner.key_text, now=clock.now())
    message = submission.submit(builders.draft(box), actor=actor, now=clock.now())
    dispatch.drain()
    assert Message.objects.get(pk=message.pk).status == Status.SENT
    return relay.taken[-1]


def asked_from_dns() -> Callable[..., bytes | None]:
    """What a verifier elsewhere sees: TXT by the real resolver, at the name server of the test."""
    resolver = dns_lookups.resolver(dns.resolver.Resolver)

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        try:
            answer = resolver.resolve(name.decode(), "TXT", lifetime=60, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return None
        return b"".join(answer[0].strings) if len(answer) else None

    return look_up


def selectors_that_verify(taken: Taken) -> list[str]:
    """The selectors of the mail's signatures; every one of them verifies, for the domain of From."""
    verifier = dkim.DKIM(taken.content)
    count = sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers)
    selectors = []
    for index in range(count):
        one = dkim.DKIM(taken.content)
        assert one.verify(idx=index, dnsfunc=asked_from_dns()), f"signature {index} does not verify"
        author = next(value for name, value in one.headers if name.lower() == b"from")
        assert author.strip().rstrip(b">").endswith(b"@" + one.domain)
        selectors.append(one.selector.decode())
    return selectors


def test_a_mail_from_a_domain_of_ones_own_carries_both_signatures_and_bounces_to_it(alice: Tenant, relay: Sink) -> None:
    domain = verified(alice.account)
    box = desk(alice, domain)
    with serving(zone_of(domain)):
        taken = sent_from(alice, box, relay)
        rsa, ed25519 = selectors_that_verify(taken)
    assert [rsa, ed25519] == [key.selector for key in dkim_keys.published(domain)]
    assert b"a=rsa-sha256" in taken.content
    assert b"a=ed25519-sha256" in taken.content
    assert b"From: desk@shop.example" in taken.content
    assert taken.sender.endswith("@send.shop.example")
    assert return_paths.recipient_behind(taken.sender, now=clock.now()) is not None


def test_the_platforms_own_mail_carries_both_signatures(alice: Tenant, relay: Sink) -> None:
    house = accounts.platform().domain
    with serving(zone_of(house)):
        taken = sent_from(alice, alice.mailbox, relay)
        assert selectors_that_verify(taken) == ["gp1", "gp1e"]
    assert taken.sender.endswith("@agents.example")


def test_a_signature_of_another_domain_never_leaves(alice: Tenant, relay: Sink) -> None:
    domain = verified(alice.account)
    box = desk(alice, domain)
    message = submission.submit(builders.draft(box), actor=alice.agent_actor, now=clock.now())
    (loaded,) = mail.load(outbox.claim_due(limit=5, now=clock.now()))
    aligned = alignment.of(loaded)
    assert (aligned.author, aligned.signed_by, aligned.returns_to) == (NAME, NAME, f"send.{NAME}")
    assert aligned.is_dkim_aligned
    assert aligned.is_spf_aligned
    assert Recipient.objects.get(message=message).state == "sending"
    # No verb of ours does this: a mailbox stays where it was made.
    Mailbox.objects.filter(pk=box.pk).update(domain=verified(alice.account, "other.example"))
    (moved,) = mail.load([loaded])
    outcome = delivery.attempt(moved, now=clock.now())
    assert (outcome.kind, outcome.code, relay.taken) == (OutcomeKind.FAILED, "not_aligned", [])


def test_while_the_records_of_the_return_path_are_gone_bounces_come_to_the_platform(alice: Tenant, relay: Sink) -> None:
    domain = verified(alice.account)
    box = desk(alice, domain)
    zone = zone_of(domain)
    del zone[f"send.{NAME}", "MX"]
    with serving(zone):
        check(domain)
        taken = sent_from(alice, box, relay)
        assert len(selectors_that_verify(taken)) == 2
    assert taken.sender.endswith("@agents.example")


def test_mail_to_a_verified_domain_is_taken_by_the_listener_and_filed(alice: Tenant) -> None:
    domain = verified(alice.account)
    box = desk(alice, domain)
    with listening() as port, Dialogue(port) as session:
        session.begin("Desk+tag@SHOP.example")
        session.send(letter(to="desk@shop.example") + b".\r\n")
        assert session.answer().startswith("250")
        assert session.say("MAIL FROM:<kim@friends.example>").startswith("250")
        assert session.say("RCPT TO:<nobody@shop.example>").startswith("550 5.1.1")
        assert session.say("RCPT TO:<postmaster@shop.example>").startswith("250")
        assert session.say("RCPT TO:<desk@send.shop.example>").startswith("550")
        assert session.say("RCPT TO:<desk@b.shop.example>").startswith("550 5.7.1")
    intake.process_due(limit=10, now=clock.now())
    received = Message.objects.get(mailbox=box)
    assert (received.status, received.to_addresses) == (Status.RELEASED, ["desk@shop.example"])


def test_mail_to_a_domain_that_is_not_verified_or_gone_is_refused(alice: Tenant) -> None:
    domain = add(alice.account)
    with listening() as port, Dialogue(port) as session:
        session.say("EHLO client.example")
        session.say("MAIL FROM:<kim@friends.example>")
        assert session.say(f"RCPT TO:<postmaster@{NAME}>").startswith("550 5.7.1")
        with serving(zone_of(domain)):
            domain = check(domain)
        assert session.say(f"RCPT TO:<postmaster@{NAME}>").startswith("250")
        domains.delete(domain, by="test", now=clock.now())
        assert session.say(f"RCPT TO:<abuse@{NAME}>").startswith("550 5.7.1")


def test_a_bounce_at_the_send_host_finds_its_recipient(alice: Tenant, settings: Settings) -> None:
    domain = verified(alice.account)
    box = desk(alice, domain)
    with listening() as settings.SMTP_PORT:
        message = submission.submit(
            builders.draft(box, to=(f"bounce@{live_settings.SIMULATOR_DOMAIN}",)),
            actor=alice.agent_actor,
            now=clock.now(),
        )
        dispatch.drain()
        intake.process_due(limit=10, now=clock.now())
    assert Recipient.objects.get(message=message).state == "bounced"


def test_a_bounce_at_the_send_host_of_somebody_elses_domain_is_refused(alice: Tenant) -> None:
    sender = return_paths.return_path_of(alice.mailbox.pk, domain="send.elsewhere.example", now=clock.now())
    with listening() as port, Dialogue(port) as session:
        session.say("EHLO client.example")
        session.say("MAIL FROM:<>")
        assert session.say(f"RCPT TO:<{sender}>").startswith("550 5.7.1")


def test_two_mailboxes_on_two_domains_write_to_each_other(alice: Tenant, settings: Settings) -> None:
    bob = builders.tenant("bob", mode=OversightMode.AUTONOMOUS)
    ours, theirs = (desk(one, verified(one.account, name)) for one, name in ((alice, NAME), (bob, "office.example")))
    with listening() as settings.SMTP_PORT:
        submission.submit(builders.draft(ours, to=(theirs.full_address,)), actor=alice.agent_actor, now=clock.now())
        dispatch.drain()
        intake.process_due(limit=10, now=clock.now())
    assert Message.objects.get(mailbox=theirs).from_address == "desk@shop.example"


def test_what_waits_in_a_frozen_domain_stays_and_leaves_when_it_is_proved_again(alice: Tenant, relay: Sink) -> None:
    domain = verified(alice.account)
    box = desk(alice, domain)
    message = submission.submit(builders.draft(box), actor=alice.agent_actor, now=clock.now())
    now = clock.now()
    with serving({}):
        check(domain, now=now)
        check(domain, now=now + timedelta(days=4))
    dispatch.drain()
    message.refresh_from_db()
    assert (message.status, relay.taken) == (Status.QUEUED, [])
    with serving(zone_of(domain)):
        check(domain)
    dispatch.drain()
    message.refresh_from_db()
    assert message.status == Status.SENT
    assert arrive(box, letter(to=box.full_address)).status == Status.RELEASED


def test_what_waits_when_its_mailbox_and_domain_go_never_leaves(alice: Tenant, relay: Sink) -> None:
    domain = verified(alice.account)
    box = desk(alice, domain)
    submission.submit(builders.draft(box), actor=alice.agent_actor, now=clock.now())
    (claimed,) = mail.load(outbox.claim_due(limit=5, now=clock.now()))
    mailbox.delete(box, by="test", now=clock.now())
    domains.delete(Domain.objects.get(pk=domain.pk), by="test", now=clock.now())
    dispatch.take_back_overdue()
    dispatch.drain()
    assert relay.taken == []
    (loaded,) = mail.load([claimed])
    assert (loaded.standing.is_mailbox_open, loaded.sealed_keys) == (False, ())
    assert receive(letter(to=box.full_address), box.full_address).mailbox is None


@pytest.mark.parametrize("of_whom", ["the platform", "an account"])
def test_at_no_moment_of_a_rotation_is_a_mail_unsigned_or_unverifiable(
    of_whom: str, alice: Tenant, relay: Sink
) -> None:
    if of_whom == "an account":
        domain = verified(alice.account)
        box = desk(alice, domain)
    else:
        domain, box = accounts.platform().domain, alice.mailbox
    walk = Rotation(alice, box, domain, zone_of(domain), relay)
    old = walk.mails_verify_with()
    with serving(walk.zone):
        first = sent_from(alice, box, relay)

        dkim_keys.begin_rotation(domain, by="test", now=walk.now)
        assert walk.mails_verify_with() == old, "nothing is published yet"
        walk.sweep(days=3)
        assert walk.mails_verify_with() == old, "for days nothing is published"

        new = walk.publish_one_by_one(still=old)
        walk.sweep(minutes=30)
        assert walk.mails_verify_with() == old, "it has not stood for an hour"
        walk.unpublish_and_publish_again(still=old)
        walk.sweep(minutes=61)
        assert walk.mails_verify_with() == new
        assert len(selectors_that_verify(first)) == 2, "what is on its way verifies still"

        walk.sweep(days=6)
        assert len(selectors_that_verify(first)) == 2
        assert not DkimKey.objects.filter(domain=domain, retired_at__isnull=False).exists()
        walk.sweep(days=1, minutes=10)
        retired = DkimKey.objects.filter(domain=domain, retired_at__isnull=False)
        assert {key.selector: bytes(key.private_key) for key in retired} == dict.fromkeys(old, b"")
        walk.zone.clear()
        walk.zone.update(zone_of(domain))
        assert not any(host.startswith(f"{one}._domainkey") for host, _ in walk.zone for one in old)
        assert walk.mails_verify_with() == new
        walk.sweep(days=30)
        assert walk.mails_verify_with() == new


class Rotation:
    """A domain whose keys are changed, its zone, and the time."""

    def __init__(self, owner: Tenant, box: Mailbox, domain: Domain, zone: Zone, relay: Sink) -> None:
        self.owner, self.box, self.domain, self.zone, self.relay = owner, box, domain, zone, relay
        self.now: datetime = clock.now()

    def mails_verify_with(self) -> list[str]:
        """Send one; the selectors that it verifies with now."""
        with serving(self.zone):
            selectors = selectors_that_verify(sent_from(self.owner, self.box, self.relay))
        assert len(selectors) == 2
        return selectors

    def sweep(self, *, days: float = 0, minutes: float = 0) -> None:
        """The time passes, and the sweep comes."""
        self.now += timedelta(days=days, minutes=minutes)
        domain_checks.sweep(now=self.now)

    def publish_one_by_one(self, *, still: list[str]) -> list[str]:
        """The selectors of the new records; what was signed before goes on verifying between any two of them."""
        waiting = list(DkimKey.objects.filter(domain=self.domain, activated_at__isnull=True).order_by("selector"))
        for key in waiting:
            record = (f"{key.selector}._domainkey.{self.domain.name}", "TXT")
            self.zone[record] = zone_of(self.domain)[record]
            self.sweep(minutes=6)
            assert self.mails_verify_with() == still
        return [key.selector for key in waiting]

    def unpublish_and_publish_again(self, *, still: list[str]) -> None:
        """A record that comes and goes is not relied on: its hour begins anew."""
        whole = dict(self.zone)
        lost = next(iter(DkimKey.objects.filter(domain=self.domain, activated_at__isnull=True)))
        del self.zone[f"{lost.selector}._domainkey.{self.domain.name}", "TXT"]
        self.sweep(minutes=6)
        self.zone.update(whole)
        self.sweep(minutes=50)
        assert self.mails_verify_with() == still


def test_mail_that_a_worker_holds_while_the_keys_change_verifies(alice: Tenant, relay: Sink) -> None:
    """It was loaded with the old keys, whose records stay for a week."""
    domain = verified(alice.account)
    box = desk(alice, domain)
    dkim_keys.begin_rotation(domain, by="test", now=clock.now())
    zone = zone_of(domain)
    now = clock.now()
    with serving(zone):
        check(domain, now=now)
        submission.submit(builders.draft(box), actor=alice.agent_actor, now=clock.now())
        held = mail.load(outbox.claim_due(limit=5, now=clock.now()))
        check(domain, now=now + timedelta(hours=2))
        for one in held:
            delivery.attempt(one, now=clock.now())
        old = sorted(DkimKey.objects.filter(domain=domain, generation=1).values_list("selector", flat=True))
        assert sorted(selectors_that_verify(relay.taken[-1])) == old
    smtp.close_kept()
