"""Reading sound mail: what it says is what comes out, and what we build we read back."""

from __future__ import annotations

import email
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime.build import build
from messaging.mime.defects import Defect
from messaging.mime.parse import attachment_content, parse
from messaging.mime.types import Address, Draft
from tests.messaging.mime_samples import mail, sample

SOUND = [
    "gmail_reply",
    "outlook_html",
    "attachment_and_inline_image",
    "postfix_bounce",
    "abuse_report",
    "auto_reply",
    "iso_2022_jp",
    "latin1_8bit",
]


def test_a_reply_from_webmail_reads_whole() -> None:
    parsed = parse(sample("gmail_reply"))
    assert parsed.header_from == Address("bob@mailhost.example", "Bob Example")
    assert parsed.to == (Address("alice@agents.example", "Alice's Agent"),)
    assert parsed.cc == (
        Address("jane.doe@mailhost.example", "Doe, Jane"),
        Address("jk@mailhost.example", "J\u00fcrgen Kr\u00fcger"),
    )
    assert parsed.subject == "Re: Offer for the spring order"
    assert parsed.message_id == "<CAF8Zq+bd=hQ2m_7k@mail.mailhost.example>"
    assert parsed.in_reply_to == "<0196a0f3@agents.example>"
    assert parsed.references == ("<0196a0f2@agents.example>", "<0196a0f3@agents.example>")
    assert parsed.date == datetime(2026, 5, 5, 9, 14, 2, tzinfo=UTC)
    assert parsed.body_text.startswith("Thanks, that works \u2013 please go ahead with 40 boxes.\n\nBob\n\nOn Mon")
    assert parsed.body_text.endswith("> our offer is 12 \u20ac a box.")
    assert parsed.body_html is not None
    assert parsed.body_html.startswith('<div dir="ltr">Thanks, that works \u2013')
    assert (parsed.attachments, parsed.report, parsed.is_automatic, parsed.defects) == ((), None, False, ())


def test_an_html_only_mail_gets_a_text() -> None:
    parsed = parse(sample("outlook_html"))
    assert parsed.subject == "R\u00fcckfrage zur Rechnung 4711"
    assert parsed.body_text == (
        "Guten Tag,\n\nbitte pr\u00fcfen Sie die **Rechnung 4711**, siehe [Portal](https://portal.firma.example/r/4711).\n\n"
        "Position | Betrag\nA | 10,00 \u20ac\n\nGru\u00df, Petra Meier"
    )
    assert parsed.defects == ()


def test_attachments_and_inline_images_are_listed_and_can_be_fetched() -> None:
    raw = sample("attachment_and_inline_image")
    parsed = parse(raw)
    assert parsed.body_text == "Here is the picture:\n\nand the contract.\n\nSent from my desk."
    image, contract = parsed.attachments
    assert (image.filename, image.content_type, image.content_id) == ("logo.png", "image/png", "logo.1@client.example")
    assert image.is_inline
    assert (contract.filename, contract.content_type) == ("Vertrag f\u00fcr Cora.pdf", "application/pdf")
    assert not contract.is_inline
    for attachment in parsed.attachments:
        content = attachment_content(raw, attachment.index)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (attachment.size_bytes, attachment.sha256)
    assert attachment_content(raw, contract.index).startswith(b"%PDF-1.4")
    for index in (0, 99, -1):
        with pytest.raises(LookupError):
            attachment_content(raw, index)


def test_old_charsets_are_read() -> None:
    japanese = parse(sample("iso_2022_jp"))
    assert (japanese.subject, japanese.header_from) == (
        "\u304a\u898b\u7a4d\u308a\u306e\u304a\u9858\u3044",
        Address("taro@kaisha.example", "\u5c71\u7530\u592a\u90ce"),
    )
    assert japanese.body_text.startswith("\u304a\u4e16\u8a71")
    latin = parse(sample("latin1_8bit"))
    assert (latin.subject, latin.body_text) == (
        "Caf\u00e9 \u00e0 midi",
        "D\u00e9j\u00e0 r\u00e9serv\u00e9 pour 2 - \u00e0 bient\u00f4t.",
    )
    assert latin.date == datetime(2026, 5, 12, 17, tzinfo=UTC)


@pytest.mark.parametrize("name", SOUND)
def test_sound_mail_has_the_parts_a_second_parser_finds(name: str) -> None:
    raw = sample(name)
    message = email.message_from_bytes(raw)
    parsed = parse(raw)
    found = {file.sha256 for file in parsed.attachments if not file.content_type.startswith("message/")}
    leaves = [part for part in walk(message) if not part.is_multipart() or part.get_content_maintype() == "message"]
    expected = {hashlib.sha256(content).hexdigest() for part in leaves if (content := decoded(part)) is not None}
    assert found <= expected
    assert [name for name, _ in parsed.headers] == message.keys()
    texts = [part for part in leaves if part.get_content_type() == "text/plain"]
    for part in texts:
        content = decoded(part) or b""
        text = content.decode(str(part.get_content_charset("utf-8"))).replace("\r\n", "\n").strip("\n")
        assert text in parsed.body_text


def walk(message: Message) -> list[Message]:
    """Every part, without opening messages inside."""
    parts = [message]
    payload = message.get_payload()
    if message.get_content_maintype() == "multipart" and isinstance(payload, list):
        for part in payload:
            assert isinstance(part, Message)
            parts += walk(part)
    return parts


def decoded(part: Message) -> bytes | None:
    if part.get_content_maintype() == "message":
        return None
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else None


def test_a_footer_in_text_does_not_hide_a_body_in_html() -> None:
    body = (
        b"--x\r\nContent-Type: text/html\r\n\r\n<p>The mail</p>\r\n"
        b"--x\r\nContent-Type: text/plain\r\n\r\nThe footer\r\n--x--\r\n"
    )
    parsed = parse(mail("Content-Type: multipart/mixed; boundary=x", body=body))
    assert parsed.body_text == "The mail\n\nThe footer"
    assert parsed.body_html == "<p>The mail</p>"


def test_a_message_inside_is_an_attachment_and_no_body() -> None:
    raw = mail("Content-Type: message/rfc822", body=b"Subject: inner\r\n\r\nInner text\r\n")
    parsed = parse(raw)
    assert (parsed.body_text, parsed.subject) == ("", "")
    assert attachment_content(raw, parsed.attachments[0].index) == b"Subject: inner\r\n\r\nInner text\r\n"


@given(
    subject=st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]), min_size=1, max_size=200),
    text=st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), min_size=1, max_size=400),
    html=st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=400),
    name=st.text(st.characters(categories=["L", "N"], include_characters=' ,."'), max_size=60),
)
@settings(deadline=None, max_examples=150)
def test_what_we_build_we_read_back(subject: str, text: str, html: str | None, name: str) -> None:
    draft = Draft(mailbox_id=UUID(int=1), to=("bob@b.example",), subject=subject, body_text=text, body_html=html)
    if not subject.strip():
        return
    raw = build(
        replace(draft, cc=("c@c.example",), in_reply_to="<p@b.example>"),
        header_from=Address("alice@agents.example", name),
        message_id="<1@agents.example>",
        date=datetime(2026, 5, 1, tzinfo=UTC),
        references=("<r@b.example>", "<p@b.example>"),
    )
    parsed = parse(raw)
    assert parsed.header_from == Address("alice@agents.example", " ".join(name.split()))
    assert (parsed.to, parsed.cc) == ((Address("bob@b.example"),), (Address("c@c.example"),))
    assert parsed.subject == " ".join(subject.split())
    assert (parsed.message_id, parsed.in_reply_to) == ("<1@agents.example>", "<p@b.example>")
    assert parsed.references == ("<r@b.example>", "<p@b.example>")
    assert parsed.date == datetime(2026, 5, 1, tzinfo=UTC)
    if text.strip():
        assert parsed.body_text == text.strip("\n")
    if html is not None:
        assert (parsed.body_html or "").replace("\r\n", "\n").removesuffix("\n") == html.removesuffix("\n")
    assert set(parsed.defects) <= {Defect.HIDDEN_TEXT}
