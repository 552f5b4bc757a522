"""Reading received mail: right on sound mail, total on any octets (reliability A26, A31 to A34, A44, F1, F2, F9)."""

from __future__ import annotations

import email
import email.policy
import hashlib
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime import bodies
from messaging.mime.build import build
from messaging.mime.defects import Defect
from messaging.mime.parse import attachment_content, parse
from messaging.mime.types import Address, Draft, Parsed

EML = Path(__file__).parent.parent / "data" / "eml"
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


def sample(name: str) -> bytes:
    return (EML / f"{name}.eml").read_bytes()


def mail(*headers: str, body: bytes = b"Hello\r\n", sender: str = "From: a@b.example") -> bytes:
    return "".join(f"{header}\r\n" for header in (sender, *headers) if header).encode() + b"\r\n" + body


def defects(raw: bytes) -> set[str]:
    return set(parse(raw).defects)


# --- sound mail -----------------------------------------------------------------------------------------------------


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


# --- From and the other addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.example", Address("a@b.example")),
        ("A@B.Example", Address("a@b.example")),
        ("<a@b.example>", Address("a@b.example")),
        ("a@b.example (Ann)", Address("a@b.example", "Ann")),
        ("Ann B. Cee <a@b.example>", Address("a@b.example", "Ann B. Cee")),
        ('"Cee, Ann" <a@b.example>', Address("a@b.example", "Cee, Ann")),
        ('"Ann \\"A\\" Cee" <a@b.example>', Address("a@b.example", 'Ann "A" Cee')),
        ("=?utf-8?q?Zo=C3=AB?= <a@b.example>", Address("a@b.example", "Zo\u00eb")),
        ('"=?utf-8?q?Zo=C3=AB?=" <a@b.example>', Address("a@b.example", "Zo\u00eb")),
        ("=?utf-8?q?Zo=C3?= =?utf-8?q?=AB?= <a@b.example>", Address("a@b.example", "Zo\u00eb")),
        ("Ann (work (new)) <a@b.example> (x)", Address("a@b.example", "Ann")),
        ("Ann\r\n\t<a@b.example>", Address("a@b.example", "Ann")),
        ("Zo\u00eb <a@b\u00fccher.example>", Address("a@xn--bcher-kva.example", "Zo\u00eb")),
    ],
)
def test_one_author_is_read(value: str, expected: Address) -> None:
    assert parse(mail(sender=f"From: {value}")).header_from == expected


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "From:",
        "From: a@b.example\r\nFrom: c@d.example",
        "From: a@b.example, c@d.example",
        "From: a@b.example; c@d.example",
        "From: ceo@victim.example (x) <e@evil.example>",
        "From: alice@example.org(<bob@example.com>",
        "From: a@evil.example@good.example",
        "From: alice@example.org<bob@evil.example>",
        "From: group: a@b.example;",
        "From: <@r.example:a@b.example>",
        "From: a@b.example\x00",
        "From: a\x01 <a@b.example>",
        "From: <a@b.example> tail",
        "From: <a@b.example> <c@d.example>",
        "From: <a@b.example",
        "From: a@b.example>",
        'From: "a@b.example',
        'From: "a"@b.example',
        'From: <"a b"@b.example>',
        "From: =?utf-8?q?a=40b.example?=",
        "From: a%b@c.example",
        "From: undisclosed-recipients:;",
        "From: nobody",
        "From: .:",
        "From : a@b.example\r\nFrom: c@d.example",
    ],
)
def test_no_author_is_read_when_programs_could_see_another(sender: str) -> None:
    parsed = parse(mail(sender=sender))
    assert parsed.header_from is None
    assert Defect.FROM_DEFECT in parsed.defects
    assert Defect.UNPARSEABLE not in parsed.defects


@pytest.mark.parametrize(
    ("name", "is_flagged"),
    [
        ("ceo@victim.example", True),
        ("=?utf-8?q?ceo=40victim=2Eexample?=", True),
        ("a@b.example", False),
        ("Ann", False),
    ],
)
def test_a_name_that_shows_another_address_is_flagged(name: str, is_flagged: bool) -> None:
    parsed = parse(mail(sender=f'From: "{name}" <a@b.example>'))
    assert parsed.header_from is not None
    assert (Defect.NAME_LIKE_ADDRESS in parsed.defects) is is_flagged


def test_recipients_that_are_no_addresses_are_left_out_and_flagged() -> None:
    parsed = parse(mail("To: x@y.example, nobody, friends: g@h.example, i@j.example;, <k@l.example>"))
    assert [address.address for address in parsed.to] == ["x@y.example", "g@h.example", "i@j.example", "k@l.example"]
    assert Defect.ADDRESS_DEFECT in parsed.defects
    assert parse(mail("To: undisclosed-recipients:;")).defects == ()


# --- what is wrong with it --------------------------------------------------------------------------------------------

MIXED = b"--x\r\nContent-Type: text/plain\r\n\r\none\r\n--x\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Content-Type: text/plain\r\nContent-Type: text/html", MIXED),
        ("Content-Type: multipart/mixed; boundary=x; boundary=y", MIXED),
        ('Content-Type: multipart/mixed; boundary="x "', MIXED),
        ('Content-Type: multipart/mixed; boundary="x"y', MIXED),
        ("Content-Type: multipart/mixed; boundary=x (comment)", MIXED),
        ("Content-Type: multipart/mixed; boundary*=utf-8''y; boundary=x", MIXED),
        ("Content-Type: multipart/mixed", MIXED),
        ("Content-Type: multipart/mixed; boundary=gone", MIXED),
        ("Content-Type: multipart/mixed; boundary=x", MIXED.replace(b"--x--", b"")),
        ("Content-Type: multipart/mixed; boundary=x", MIXED + b"--x\r\n\r\nmore\r\n"),
        ("Content-Type: multipart/mixed; boundary=x", b"Content-Type: text/html\r\n\r\n<p>\r\n" + MIXED),
        ("Content-Type: multipart/mixed; boundary=x", MIXED + b"Content-Transfer-Encoding: base64\r\n\r\nUUU=\r\n"),
        ("Content-Type : text/html", b"x"),
        ("Content-Type: ;", b"x"),
        ("Content-Type: /", b"x"),
        ("Content-Type: text", b"x"),
        ("Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit", b"SGVsbG8="),
        ("Content-Transfer-Encoding: base64", b"SGVsbG8=SGVsbG8="),
        ('Content-Type: a/b; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.exe"', b"x"),
        ("Content-Disposition: attachment; filename=\"a.pdf\"; filename*=utf-8''a.exe", b"x"),
        ('Content-Disposition: attachment; filename="a.pdf"; filename="a.exe"', b"x"),
    ],
)
def test_mime_that_programs_read_differently_is_flagged(header: str, body: bytes) -> None:
    found = defects(mail(header, body=body))
    assert Defect.AMBIGUOUS_MIME in found
    assert Defect.UNPARSEABLE not in found


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Content-Type: multipart/mixed; boundary=x", b"This is a multi-part message in MIME format.\r\n" + MIXED),
        ("Content-Type: multipart/mixed; boundary=x; charset=utf-8", MIXED + b"\r\nepilogue\r\n"),
        ('Content-Type: multipart/mixed;\r\n boundary="x"', MIXED),
        ("Content-Type: text/plain; format=flowed; delsp=yes", b"x"),
        ("Content-Disposition: attachment; filename=\"Resume.pdf\"; filename*=utf-8''R%C3%A9sum%C3%A9.pdf", b"x"),
        ("Content-Disposition: attachment; filename=two words.pdf", b"x"),
    ],
)
def test_mime_of_common_programs_is_not_flagged(header: str, body: bytes) -> None:
    assert defects(mail(header, body=body)) == set()


def test_a_multipart_that_cannot_be_split_is_shown_as_text() -> None:
    assert "two" in parse(mail("Content-Type: multipart/mixed; boundary=gone", body=MIXED)).body_text


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("utf-7", b"+ADw-script+AD4-", "+ADw-script+AD4-"),
        ("idna", b"xn--a", "xn--a"),
        ("undefined", b"x", "x"),
        ("unicode_escape", b"\\x41", "\\x41"),
        ("hex", b"4141", "4141"),
        ("rot13", b"uryyb", "uryyb"),
        ("cp037", b"\xc8\xc9", "\u00c8\u00c9"),
        ("x" * 10_000, b"x", "x"),
        ("utf-8", b"over\xc0\xaflong", None),
        ("utf-8", b"caf\xe9", "caf\u00e9"),
        ("us-ascii", b"caf\xe9", "caf\u00e9"),
        ("iso-2022-jp", b"\x1b$B\xff", None),
        ("utf-16", b"\x00\xd8x", None),
    ],
)
def test_a_charset_that_lies_or_is_a_trap_is_flagged(charset: str, content: bytes, text: str | None) -> None:
    parsed = parse(mail(f"Content-Type: text/plain; charset={charset}", body=content))
    assert Defect.CHARSET in parsed.defects
    assert Defect.UNPARSEABLE not in parsed.defects
    assert text is None or parsed.body_text == text


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("utf-8", "\u20ac".encode(), "\u20ac"),
        ('"UTF-8"', "\u20ac".encode(), "\u20ac"),
        ("iso-8859-1", b"\x80", "\u20ac"),
        ("windows-1251", b"\xcf\xf0", "\u041f\u0440"),
        ("koi8-r", b"\xf0\xd2", "\u041f\u0440"),
        ("gb2312", "\u4f60\u597d".encode("gbk"), "\u4f60\u597d"),
        ("ks_c_5601-1987", "\uc548\ub155".encode("cp949"), "\uc548\ub155"),
        ("shift_jis", "\u2460".encode("cp932"), "\u2460"),
        ("utf-16le", "hi".encode("utf-16le"), "hi"),
        ("us-ascii", "\u20ac".encode(), "\u20ac"),
    ],
)
def test_a_charset_in_use_is_read(charset: str, content: bytes, text: str) -> None:
    parsed = parse(mail(f"Content-Type: text/plain; charset={charset}", body=content))
    assert (parsed.body_text, parsed.defects) == (text, ())


@pytest.mark.parametrize(
    "date",
    [
        "1 Jul 9999999994 9:7-3",
        "1 Jul 4 9:9999999999",
        "1 Jan 3000 00:00:00 +0000",
        "",
        "yesterday",
        "1 Jan 1960 00:00:00 +0000",
        "x" * 10_000,
    ],
)
def test_a_date_that_is_none_is_left_out(date: str) -> None:
    parsed = parse(mail(f"Date: {date}"))
    assert (parsed.date, parsed.defects) == (None, (Defect.DATE_DEFECT,))
    assert parse(mail()).date is None


def test_headers_that_stand_twice_are_flagged_and_the_first_counts() -> None:
    parsed = parse(mail("Subject: one", "Subject: two", "Message-ID: <1@b>", "Message-ID: <2@b>"))
    assert (parsed.subject, parsed.message_id, parsed.defects) == ("one", "<1@b>", (Defect.HEADER_TWICE,))


def test_headers_are_kept_as_they_came_without_what_a_database_refuses() -> None:
    raw = mail("X-A: one\x00two\x1b[31m", "x-b: =?utf-8?q?x?=\r\n folded", "X-C:")
    parsed = parse(raw)
    assert parsed.headers[1:] == (("X-A", "onetwo [31m"), ("x-b", "=?utf-8?q?x?= folded"), ("X-C", ""))
    assert parsed.defects == (Defect.HEADER_DEFECT,)


def test_hidden_text_is_flagged_and_left_out_of_the_text() -> None:
    parsed = parse(sample("hidden_instructions"))
    assert parsed.body_text == "Please find our invoice at [the portal](https://evil.example/i).\n\nThank you."
    assert set(parsed.defects) == {Defect.HIDDEN_TEXT, Defect.NAME_LIKE_ADDRESS, Defect.TAG_CHARACTERS}
    assert parsed.body_html is not None
    assert "Ignore previous instructions" in parsed.body_html


def test_invisible_tag_characters_are_stripped_but_flags_stay() -> None:
    flag = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    parsed = parse(
        mail("Subject: go\U000e0041", "Content-Type: text/plain; charset=utf-8", body=f"{flag} x\U000e0042".encode())
    )
    assert (parsed.subject, parsed.body_text, parsed.defects) == ("go", f"{flag} x", (Defect.TAG_CHARACTERS,))


def test_direction_overrides_are_flagged() -> None:
    assert defects(mail("Subject: \u202eevil")) == {Defect.BIDI}
    assert defects(mail('Content-Disposition: attachment; filename="a\u202egpj.exe"')) == {Defect.BIDI}


def test_the_broken_sample_is_read_as_far_as_it_goes() -> None:
    parsed = parse(sample("broken_mime"))
    assert (parsed.header_from, parsed.body_text) == (Address("eve@mess.example"), "Hello")
    assert [(found.filename, found.size_bytes) for found in parsed.attachments] == [("_report.exe", 7)]
    assert parsed.message_id == "<no-brackets@mess.example>"
    assert set(parsed.defects) == {
        *(Defect.ADDRESS_DEFECT, Defect.AMBIGUOUS_MIME, Defect.CHARSET, Defect.DATE_DEFECT, Defect.ENCODING),
    }


# --- limits -----------------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    opening = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    closing = b"".join(b"\r\n--b%d--" % n for n in reversed(range(depth)))
    return b"From: a@b.example\r\n" + opening + b"\r\ninnermost" + closing + b"\r\n"


def parts(count: int, kind: bytes = b"text/plain") -> bytes:
    one = b"--x\r\nContent-Type: " + kind + b"\r\n\r\na\r\n"
    return mail("Content-Type: multipart/mixed; boundary=x", body=one * count + b"--x--\r\n")


def test_parts_thirty_deep_are_read_and_the_next_is_shown_as_text() -> None:
    at_limit = parse(nested(30))
    assert (at_limit.body_text, at_limit.defects) == ("innermost", ())
    beyond = parse(nested(31))
    assert "innermost" in beyond.body_text
    assert Defect.LIMITS in beyond.defects


def test_five_hundred_parts_are_read_and_no_more() -> None:
    assert parse(parts(499)).defects == ()
    assert Defect.LIMITS in parse(parts(500)).defects


def test_a_thousand_headers_are_read_and_no_more() -> None:
    at_limit = parse(mail(*["X-A: 1"] * 999))
    assert (len(at_limit.headers), at_limit.defects, at_limit.body_text) == (1_000, (), "Hello")
    beyond = parse(mail(*["X-A: 1"] * 1_000))
    assert (len(beyond.headers), beyond.defects, beyond.body_text) == (1_000, (Defect.LIMITS,), "Hello")


def test_a_thousand_addresses_are_read_and_no_more() -> None:
    def to(count: int) -> Parsed:
        return parse(mail("To: " + ", ".join(f"a{number}@b.example" for number in range(count))))

    assert (len(to(1_000).to), to(1_000).defects) == (1_000, ())
    assert (len(to(1_001).to), to(1_001).defects) == (1_000, (Defect.LIMITS,))


def test_headers_of_256_kilobytes_are_read_and_no_more() -> None:
    parsed = parse(mail("X-A: " + "a" * 300_000))
    assert (parsed.header_from, parsed.body_text) == (Address("a@b.example"), "Hello")
    assert parsed.defects == (Defect.LIMITS,)


def test_bodies_are_cut_at_one_mebibyte() -> None:
    parsed = parse(mail(body=b"a" * (bodies.MAX_LENGTH + 1)))
    assert (len(parsed.body_text), parsed.defects) == (bodies.MAX_LENGTH, (Defect.LIMITS,))


def test_the_twenty_first_attachment_is_dropped() -> None:
    assert parse(parts(20, b"image/png")).attachments_dropped is None
    parsed = parse(parts(21, b"image/png"))
    assert (len(parsed.attachments), parsed.attachments_dropped) == (20, "count")


def test_an_attachment_over_25_megabytes_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.mime.attachments.MAX_SIZE", 10)
    small, large = (b"--x\r\nContent-Type: image/png\r\n\r\n" + b"a" * size + b"\r\n" for size in (10, 11))
    head = "Content-Type: multipart/mixed; boundary=x"
    parsed = parse(mail(head, body=small + large + b"--x--"))
    assert ([found.size_bytes for found in parsed.attachments], parsed.attachments_dropped) == ([10], "size")
    assert parse(mail(head, body=large + small * 21 + b"--x--")).attachments_dropped == "both"


# --- hostile mail -----------------------------------------------------------------------------------------------------

CRASHERS = [
    b"Content-Type:;ound" + b"9" * 80 + b"=AAA",
    b"To:n@[",
    b"From:.:",
    b" \nMessage-ID:<",
    b"From:s@",
    b" \nContent-Type:;0*=\"'",
    b"Content-Type:/",
    b" \nContent-Type:charset=idna\no",
    b" \nDate:1 Jul 4 9:9999999999",
    b" \nContent-Type:multipart/\n\xe6",
    b"To: " + b"(" * 2000,
    b"Message-ID: <[[[@x>\n\n",
    b"",
    b"\n",
    b"\r\n\r\n",
    b"\x00",
    b"From:\x00\n\n\x00",
    b"\xff\xfe",
    b":",
    b": x\n\n",
    b"From x\n\n",
    b"Subject: =?utf-8?b?=?=\n\n",
    b"Subject: =?utf-8?b?a?= =?utf-8?b?a===?=\n\n",
    b"Content-Type: text/plain; charset*0*=utf-8''; charset*1*=%\n\nx",
    b'Content-Type: multipart/mixed; boundary=""\n\n--\n\nx\n----\n',
    b"Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: y\n\nz\n--x--",
    b"Content-Disposition: attachment; filename*99*=x; filename*=utf-8'%ff'%ff\n\nx",
]
HTML = b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n"
BOMBS = {
    "nested multiparts": nested(1_000),
    "nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 2_000,
    "parts": parts(100_000),
    "addresses": mail("To: " + ", ".join(f"a{number}@b.example" for number in range(16_000))),
    "headers": mail(*["X-A: 1"] * 100_000),
    "one header": mail("X-A: " + "a" * 8_000_000),
    "encoded words": mail("Subject: " + "=?utf-8?q?a=20b?= " * 8_000),
    "quotes": mail(sender="From: " + '"' * 32_000),
    "comments": mail(sender="From: " + "(" * 100_000),
    "references": mail("References: " + "<a@b>" * 50_000),
    "subject": mail("Subject: " + "re:" * 80_000),
    "parameters": mail("Content-Type: text/plain" + ';a="' * 60_000),
    "false boundaries": mail("Content-Type: multipart/mixed; boundary=a", body=b"--ab\r\n" * 500_000),
    "unclosed tags": HTML + b"<a " * 16_000,
    "unclosed comments": HTML + b"<!--" * 64_000,
    "divisions": HTML + b"<div>" * 100_000,
    "closing paragraphs": HTML + b"</p>" * 100_000,
    "tables": HTML + b"<table><td>" * 20_000,
    "quotations": HTML + b"<blockquote>" * 90 + b"x<br>" * 10_000,
    "styles": HTML + b'<p style="' + b"/*" * 400_000 + b'">',
    "blank lines": mail(sender="From: postmaster@b.example", body=b" \n" * 100_000),
    "report": mail(
        "Content-Type: multipart/report; boundary=x",
        body=b"--x\r\nContent-Type: message/delivery-status\r\n\r\n" + b"Action: failed\r\n\r\n" * 20_000 + b"--x--",
    ),
}


@pytest.mark.parametrize("raw", CRASHERS, ids=lambda raw: ascii(raw)[:40])
def test_what_crashes_the_standard_library_is_read(raw: bytes) -> None:
    assert_total(raw)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_within_seconds(name: str) -> None:
    started = time.monotonic()
    assert_total(BOMBS[name])
    assert time.monotonic() - started < 5


def test_nothing_escapes_when_mail_is_mutated_at_random() -> None:
    rng = random.Random(20261120)
    seeds = [path.read_bytes() for path in sorted(EML.glob("*.eml"))] + CRASHERS
    deadline = time.monotonic() + 60
    for _ in range(3_000):
        assert_total(mutated(rng, rng.choice(seeds)))
        if time.monotonic() > deadline:
            pytest.fail("3,000 mutated mails must be read within a minute")


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_any_octets_are_read(raw: bytes) -> None:
    assert_total(raw)


def assert_total(raw: bytes) -> None:
    """Read without the net under it, and fit for PostgreSQL."""
    parsed = parse(raw)
    assert Defect.UNPARSEABLE not in parsed.defects
    texts = [parsed.subject, parsed.body_text, parsed.body_html or "", parsed.message_id or ""]
    texts += [text for header in parsed.headers for text in header]
    texts += [
        text for found in parsed.attachments for text in (found.filename, found.content_type, found.content_id or "")
    ]
    texts += [address.name for address in (*parsed.to, *parsed.cc, *parsed.reply_to)]
    if parsed.report:
        texts += [parsed.report.diagnostic, parsed.report.original_message_id or ""]
    for text in texts:
        assert "\x00" not in text
        text.encode()


TOKENS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b"\x80",
        b"--",
        b"=",
        b'"',
        b"<",
        b">",
        b"(",
        b";",
        b":",
        b",",
        b"@",
        b"=?utf-8?q?",
    ),
    *(
        b"=?iso-2022-jp?b?",
        b"?=",
        b"Content-Type: multipart/mixed; boundary=",
        b"Content-Transfer-Encoding: base64\r\n",
    ),
    *(
        b"charset=utf-16",
        b"charset=idna",
        b"filename*0*=",
        b"name=",
        b"\xf3\xa0\x81\x81",
        b"\xed\xa0\x80",
        b"<div style=",
        b"<!--",
    ),
]


def mutated(rng: random.Random, seed: bytes) -> bytes:
    raw = bytearray(seed)
    for _ in range(rng.randint(1, 8)):
        place = rng.randint(0, len(raw))
        length = rng.choice([1, 2, 10, 200])
        match rng.randrange(4):
            case 0:
                raw[place:place] = rng.choice(TOKENS) * rng.choice([1, 1, 1, 50])
            case 1:
                del raw[place : place + length]
            case 2:
                raw[place : place + 1] = bytes([rng.randrange(256)])
            case _:
                start = rng.randint(0, len(raw))
                raw[place:place] = raw[start : start + length]
    return bytes(raw)
