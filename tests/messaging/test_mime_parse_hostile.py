"""Reading hostile mail: total, within limits, in time that does not explode (reliability A31, A32, F1, F2, F9)."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime import bodies
from messaging.mime.attachments import USUAL, Limits
from messaging.mime.defects import Defect
from messaging.mime.parse import parse
from messaging.mime.types import Address, Parsed
from tests.messaging.mime_samples import EML, mail

# Seconds: what explodes takes far longer, what does not a second or two on a machine at rest.
FOR_EVER = 60


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


def test_an_attachment_over_the_limit_is_dropped() -> None:
    limits = Limits(size_bytes=10)
    small, large = (b"--x\r\nContent-Type: image/png\r\n\r\n" + b"a" * size + b"\r\n" for size in (10, 11))
    head = "Content-Type: multipart/mixed; boundary=x"
    parsed = parse(mail(head, body=small + large + b"--x--"), limits=limits)
    assert ([found.size_bytes for found in parsed.attachments], parsed.attachments_dropped) == ([10], "size")
    assert parse(mail(head, body=large + small * 21 + b"--x--"), limits=limits).attachments_dropped == "both"


def test_twenty_attachments_of_25_megabytes_are_the_usual_limit() -> None:
    assert (USUAL.count, USUAL.size_bytes) == (20, 25 * 1024 * 1024)


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
def test_a_bomb_costs_no_more_than_it_is_long(name: str) -> None:
    started = time.monotonic()
    assert_total(BOMBS[name])
    assert time.monotonic() - started < FOR_EVER


def test_nothing_escapes_when_mail_is_mutated_at_random() -> None:
    rng = random.Random(20261120)
    seeds = [path.read_bytes() for path in sorted(EML.glob("*.eml"))] + CRASHERS
    for _ in range(3_000):
        raw, started = mutated(rng, rng.choice(seeds)), time.monotonic()
        assert_total(raw)
        assert time.monotonic() - started < FOR_EVER, raw


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
