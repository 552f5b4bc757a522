"""What the listener knows of its mailboxes: never so old that a closed one takes mail, or an open one refuses it."""

from __future__ import annotations

import smtplib

import pytest

from mailboxes import clock, mailbox
from messaging.models import RawMessage
from tests import builders
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
