"""What Django itself mails leaves through the outbox, as mail of the platform."""

from __future__ import annotations

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection

from mailboxes import accounts
from mailboxes.errors import Invalid
from messaging.mime.refusals import AddressRefused
from messaging.models import Message, Recipient, Status

pytestmark = pytest.mark.django_db
BACKEND = "oversight.mail_backend.OutboxBackend"


def letter(**fields: object) -> EmailMultiAlternatives:
    asked = {
        "subject": "Hello",
        "body": "Good day.",
        "from_email": "me@elsewhere.example",
        "to": ["kim@friends.example"],
    }
    return EmailMultiAlternatives(**(asked | fields))  # type: ignore[arg-type]


def test_a_mail_of_django_is_queued_as_the_platforms_own() -> None:
    mail = letter()
    mail.attach_alternative("<p>Good day.</p>", "text/html")
    assert get_connection(BACKEND).send_messages([mail]) == 1
    message = Message.objects.get()
    assert message.account_id == accounts.platform().account.pk
    assert message.status == Status.QUEUED
    assert message.from_address == accounts.platform().mailbox.full_address
    assert (message.subject, message.body_text, message.body_html) == ("Hello", "Good day.", "<p>Good day.</p>")


def test_each_recipient_gets_a_mail_of_their_own() -> None:
    get_connection(BACKEND).send_messages([letter(cc=["lee@friends.example"], bcc=["max@friends.example"])])
    assert Message.objects.count() == 3
    assert set(Recipient.objects.values_list("address", "kind")) == {
        ("kim@friends.example", "to"),
        ("lee@friends.example", "to"),
        ("max@friends.example", "to"),
    }


def test_html_alone_is_enough() -> None:
    mail = EmailMessage("Hello", "<b>Good day.</b>", None, ["kim@friends.example"])
    mail.content_subtype = "html"
    assert get_connection(BACKEND).send_messages([mail]) == 1
    assert Message.objects.get().body_html == "<b>Good day.</b>"


def test_an_attachment_is_refused() -> None:
    mail = letter()
    mail.attach("a.txt", "a", "text/plain")
    with pytest.raises(Invalid, match="no attachments"):
        get_connection(BACKEND).send_messages([mail])


def test_nobody_gets_it_when_one_recipient_is_unusable() -> None:
    mail = letter(cc=["not an address"])
    with pytest.raises(AddressRefused):
        get_connection(BACKEND).send_messages([mail])
    assert get_connection(BACKEND, fail_silently=True).send_messages([mail]) == 0
    assert not Message.objects.exists()


def test_a_mail_to_nobody_is_not_sent() -> None:
    assert get_connection(BACKEND).send_messages([letter(to=[])]) == 0
