"""Reading mail that is wrong: what programs could read differently is flagged (reliability A26, A33, A34, A44)."""

from __future__ import annotations

import pytest

from messaging.mime.defects import Defect
from messaging.mime.parse import parse
from messaging.mime.types import Address
from tests.messaging.mime_samples import mail, sample


def defects(raw: bytes) -> set[str]:
    return set(parse(raw).defects)


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
