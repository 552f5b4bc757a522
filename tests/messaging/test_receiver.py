"""What the listener knows of its mailboxes: never so old that a closed one takes mail, or an open one refuses it."""

from __future__ import annotations

import smtplib

import pytest
from pytest_django import Settings

from mailboxes import clock, mailbox
from mailboxes.modes import OversightMode
from messaging.models import RawMessage
from oversight import decisions
from oversight.models import Review
from tests import builders
from tests.arrivals import arrive
from tests.letters import letter
from tests.messaging.test_smtp_server import port as port
from tests.messaging.test_smtp_server import send

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_mailbox_that_is_closed_takes_nothing_more_at_once(port: int) -> None:
    alice = builders.tenant()
    send(port, letter(), alice.mailbox.full_address)  # so that the listener knows the address
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)) as refusal:
        send(port, letter(), alice.mailbox.full_address)
    assert "550" in str(refusal.value)
    assert RawMessage.objects.filter(mailbox=alice.mailbox).count() == 1


def test_a_mailbox_that_is_opened_takes_mail_at_once(port: int) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(port, letter(), "alice@agents.example")
    send(port, letter(), builders.tenant("alice").mailbox.full_address)
    assert RawMessage.objects.count() == 1


def test_a_mail_for_two_is_kept_for_the_one_whose_mailbox_is_still_there(port: int) -> None:
    alice, bob = builders.tenant("alice"), builders.tenant("bob")
    both = [alice.mailbox.full_address, bob.mailbox.full_address]
    send(port, letter(), *both)
    mailbox.delete(alice.mailbox, by="test", now=clock.now())
    send(port, letter(), *both)
    assert RawMessage.objects.filter(mailbox=alice.mailbox).count() == 1
    assert RawMessage.objects.filter(mailbox=bob.mailbox).count() == 2


def test_a_gated_all_mailbox_takes_no_more_than_people_can_look_through_until_some_is_decided(
    port: int, settings: Settings
) -> None:
    settings.HIDDEN_PER_MAILBOX = 2
    alice, bob = builders.tenant("alice", mode=OversightMode.GATED_ALL), builders.tenant("bob")
    hidden = [arrive(alice.mailbox, letter(subject=f"Mail {number}")) for number in range(2)]
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(port, letter(), alice.mailbox.full_address)
    assert "452" in str(refusal.value)
    for _ in range(3):
        send(port, letter(), bob.mailbox.full_address)  # of whom nothing is hidden
    review = Review.objects.get(message=hidden[0])
    rhea = builders.reviewer(alice.owner)
    decisions.reject(review, reviewer=rhea, version=None, reason="spam", now=clock.now())
    send(port, letter(), alice.mailbox.full_address)


def test_to_be_full_is_not_to_be_unknown(port: int, settings: Settings) -> None:
    """A server that has much for a full mailbox is not shown out, as one that guesses names is."""
    settings.HIDDEN_PER_MAILBOX = 1
    alice = builders.tenant(mode=OversightMode.GATED_ALL)
    arrive(alice.mailbox, letter())
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example") as client:
        client.ehlo()
        client.mail("kim@friends.example")
        for _ in range(30):
            assert client.rcpt(alice.mailbox.full_address)[0] == 452
