"""What an agent asks for over the API, as the next mail server gets it."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest

from messaging.models import Message, Status, Suppression, SuppressionReason
from messaging.outbound import dispatch
from messaging.recipients import suppressions
from tests.builders import Tenant
from tests.fakes.sink import Sink
from tests.messaging.outbound import alice as alice
from tests.messaging.outbound import relay as relay
from tests.oversight.sends import MAIL, send, upload

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ["план.pdf", "計画書.pdf", "مستند.pdf", "Übersicht 2026.pdf", "📎.pdf"]
LOGO = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def delivered(owner: Tenant, relay: Sink, **change: object) -> list[EmailMessage]:
    """The mail as it came, once for each recipient."""
    answer = send(owner, MAIL | change)
    assert answer.status == 201, answer.json
    dispatch.drain()
    assert Message.objects.get(pk=answer.json["message"]["id"]).status == Status.SENT
    return [email.message_from_bytes(one.content, policy=email.policy.default) for one in relay.taken]


def test_a_blind_recipient_gets_the_mail_and_is_in_nobodys_bytes(alice: Tenant, relay: Sink) -> None:
    delivered(alice, relay, cc=["lee@friends.example"], bcc=["max@friends.example", "ida@friends.example"])
    reached = {address for one in relay.taken for address in one.recipients}
    assert reached == {f"{name}@friends.example" for name in ("kim", "lee", "max", "ida")}
    for one in relay.taken:
        assert len(one.recipients) == 1
        assert not any(word in one.content.lower() for word in (b"bcc", b"max@", b"ida@"))
        assert not any(name in one.sender for name in ("max", "ida"))


def test_files_arrive_whole_under_their_names_in_many_scripts(alice: Tenant, relay: Sink) -> None:
    contents = {name: name.encode() * 1000 + bytes([place]) for place, name in enumerate(NAMES)}
    files = [upload(alice, name, content) for name, content in contents.items()]
    [mail] = delivered(alice, relay, attachments=files)
    assert {part.get_filename(): part.get_content() for part in mail.iter_attachments()} == contents
    body = mail.get_body()
    assert body is not None
    assert body.get_content().strip() == MAIL["bodyText"]


def test_an_inline_picture_is_found_by_the_html_that_shows_it(alice: Tenant, relay: Sink) -> None:
    logo = {"id": upload(alice, "logo.png", LOGO, "image/png"), "contentId": "logo@agents.example"}
    html = '<p>Good day <img src="cid:logo@agents.example"></p>'
    [mail] = delivered(alice, relay, attachments=[logo, upload(alice)], bodyHtml=html)
    assert mail.get_content_type() == "multipart/mixed"
    alternatives, plan = mail.iter_parts()
    related = mail.get_body(("related",))
    assert related is not None
    page, picture = related.iter_parts()
    assert (alternatives.get_content_type(), plan.get_filename()) == ("multipart/alternative", "plan.pdf")
    assert html in page.get_content()
    assert (picture["Content-ID"], picture.get_content()) == ("<logo@agents.example>", LOGO)


def test_custom_headers_arrive_and_those_that_are_not_the_senders_do_not(alice: Tenant, relay: Sink) -> None:
    headers = {
        "X-Custom-Order": "17",
        "List-Unsubscribe": "<mailto:leave@people.example>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Sender": "eve@evil.example",
        "Precedence": "bulk",
    }
    [mail] = delivered(alice, relay, headers=headers, replyTo="desk@people.example")
    assert (mail["X-Custom-Order"], mail["Reply-To"]) == ("17", "desk@people.example")
    assert mail["List-Unsubscribe"] == "<mailto:leave@people.example>"
    assert (mail["Sender"], mail["Precedence"]) == (None, None)
    signed = str(mail["DKIM-Signature"]).lower()
    assert all(name in signed for name in ("list-unsubscribe-post", "x-custom-order", "reply-to"))


def test_metadata_and_tags_are_nobody_elses_business(alice: Tenant, relay: Sink) -> None:
    delivered(alice, relay, metadata={"internal-note": "vip-client"}, tags=["hot-lead"])
    assert not any(word in relay.taken[0].content for word in (b"internal-note", b"vip-client", b"hot-lead"))


def test_nobody_gets_anything_of_a_send_that_names_a_suppressed_recipient(alice: Tenant, relay: Sink) -> None:
    now = alice.account.created_at
    suppressions.add(alice.account, "max@friends.example", reason=SuppressionReason.MANUAL, now=now)
    assert send(alice, MAIL | {"bcc": ["max@friends.example"]}).code == "suppressed_recipient"
    dispatch.drain()
    assert (relay.taken, Suppression.objects.count()) == ([], 1)
