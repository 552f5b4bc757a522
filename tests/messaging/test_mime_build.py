"""The wire bytes: what they say, and that no accepted input can make them say more (A01 to A09, I33, I34)."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from mailboxes import display_names
from mailboxes.errors import Invalid
from messaging.mime.addresses import canonical
from messaging.mime.build import check_wire, make_message_id
from messaging.mime.headers import check_subject, filter_headers
from messaging.mime.refusals import BodyRefused, HeaderRefused, Refused, WireDefect
from messaging.mime.types import Address
from tests.messaging.mime_samples import DRAFT, wire

OURS = {
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to", "references", "mime-version"),
    *("content-type", "content-transfer-encoding"),
}


def decoded(raw: bytes, name: str) -> str:
    unfolded = email.message_from_bytes(raw)[name].replace("\r\n", "")
    return str(make_header(decode_header(unfolded)))


def parts_of(raw: bytes) -> list[Message]:
    return [part for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]


def text_of(message: Message) -> str:
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


def test_a_short_text_reads_exactly_like_this() -> None:
    draft = replace(DRAFT, cc=("cora@c.example",), bcc=("dan@d.example",), reply_to="desk@agents.example")
    assert wire(draft).decode() == (
        'From: "Alice\'s Agent" <alice@agents.example>\r\n'
        "To: bob@b.example\r\n"
        "Cc: cora@c.example\r\n"
        "Reply-To: desk@agents.example\r\n"
        "Subject: Hello\r\n"
        "Date: Fri, 01 May 2026 12:30:00 +0000\r\n"
        "Message-ID: <0192@agents.example>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "Hi Bob,\r\n\r\nbye.\r\n"
    )


def test_the_same_draft_makes_the_same_bytes_twice() -> None:
    draft = replace(DRAFT, body_html="<p>Hi</p>")
    assert wire(draft) == wire(draft)


def test_text_and_html_become_alternatives_text_first() -> None:
    raw = wire(replace(DRAFT, body_html="<p>Hi \u00fc</p>"))
    assert email.message_from_bytes(raw).get_content_type() == "multipart/alternative"
    plain, html = parts_of(raw)
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text_of(plain) == DRAFT.body_text
    assert text_of(html) == "<p>Hi \u00fc</p>\n"


def test_markdown_alone_is_enough_and_its_html_is_inert() -> None:
    draft = replace(DRAFT, body_text="", body_markdown="# Hi\n\n<script>x</script> [j](javascript:x) *yes*")
    plain, html = parts_of(wire(draft))
    assert text_of(plain).strip() == draft.body_markdown
    assert "<h1>Hi</h1>" in text_of(html)
    assert "<em>yes</em>" in text_of(html)
    assert "<script>" not in text_of(html)
    assert "href" not in text_of(html)


def test_a_text_given_beside_markdown_is_the_text() -> None:
    plain, _ = parts_of(wire(replace(DRAFT, body_markdown="*other*")))
    assert text_of(plain) == DRAFT.body_text


@pytest.mark.parametrize("changes", [{"body_text": ""}, {"body_text": "", "body_html": "<p>x</p>"}])
def test_html_alone_or_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BodyRefused, match="bodyText"):
        wire(replace(DRAFT, **changes))


@pytest.mark.parametrize("body", ["a\x00b", "a\ud800b"])
@pytest.mark.parametrize("field", ["body_text", "body_html", "body_markdown"])
def test_a_body_is_refused_when_no_database_could_keep_it(field: str, body: str) -> None:
    with pytest.raises(BodyRefused):
        wire(replace(DRAFT, **{"body_text": "x" if field == "body_html" else "", field: body}))  # type: ignore[arg-type]


def test_a_reply_names_its_parent_and_folds_many_references() -> None:
    references = tuple(f"<{'r' * 60}{number}@b.example>" for number in range(20))
    raw = wire(replace(DRAFT, in_reply_to="<p@b.example>"), references=references)
    message = email.message_from_bytes(raw)
    assert message["In-Reply-To"] == "<p@b.example>"
    assert tuple(message["References"].split()) == references
    assert max(map(len, raw.split(b"\r\n"))) <= 100


@pytest.mark.parametrize(
    "parent", ["<a@b>\r\nBcc: v@e.example", "<a@b> <c@d>", "<a b@c>", "<\u00fc@b>", "", "<" + "a" * 997 + ">"]
)
def test_a_reply_is_refused_when_its_parent_is_no_message_id(parent: str) -> None:
    with pytest.raises(HeaderRefused):
        wire(replace(DRAFT, in_reply_to=parent))


def test_the_longest_message_id_still_fits_its_line() -> None:
    parent = "<" + "a" * 994 + ">"
    assert email.message_from_bytes(wire(replace(DRAFT, in_reply_to=parent)))["In-Reply-To"].strip() == parent


@pytest.mark.parametrize(
    "subject",
    [
        "A =?UTF-8?Q?x=0D=0ABcc:_v@e.example?= t",  # F3, A02
        "=?utf-8?b?Zm9v?=",
        "Gr\u00fc\u00dfe an alle, " * 20,
        "\U0001f9d1\u200d\U0001f4bb " * 30,
        "\u65e5\u672c\u8a9e" * 100,
        "two  spaces   and more",
        " edges ",
        "s" * 998,
        "word " * 190 + "end",
        "\u202ebidi",
        "a_b=c?d",
    ],
    ids=lambda subject: ascii(subject)[:30],
)
def test_a_subject_reads_back_as_it_was_given(subject: str) -> None:
    raw = wire(replace(DRAFT, subject=subject))
    assert decoded(raw, "Subject") == subject
    assert max(map(len, raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78 or "  " in subject


def test_a_display_name_is_quoted_or_encoded() -> None:
    for name in ('Joe "Mac" Doe', "back\\slash", "Doe, Joe", "Zo\u00eb (sales)", "=?utf-8?q?x?="):
        message = email.message_from_bytes(wire(header_from=Address("a@b.example", name)), policy=email.policy.default)
        (address,) = message["From"].addresses
        assert (address.display_name, address.addr_spec) == (name, "a@b.example")
    long_name = "Gr\u00fc\u00dfe " * 18
    assert decoded(wire(header_from=Address("a@b.example", long_name)), "From") == f"{long_name} <a@b.example>"


def test_bcc_stands_nowhere_in_the_bytes() -> None:
    raw = wire(replace(DRAFT, bcc=("secret@d.example", "bob@b.example")))
    assert b"secret" not in raw
    assert b"bcc" not in raw.lower()


@pytest.mark.parametrize(
    "body",
    [
        "\r.\rMAIL FROM:<x@e>",
        "\n.\nMAIL FROM:<x@e>",
        "\r\n.\nMAIL FROM:<x@e>",
        "\r\n.\r\nMAIL FROM:<x@e>\r\nRCPT TO:<v@e>\r\nDATA\r\n",
        "\n.\r\nx",
        "\r\n.\rx",
        ".",
        "..",
        ".x\n..\n",
        "From here\nto there\n",
        "x" * 5_000,
        "x" * 75 + ".y",
        "x " * 3_000,
        "trailing  \n-- \nname",
        "tab\t\n",
        "\u65e5\u672c" * 3_000,
        "\u65e5\n.\n" * 50,
        "nonl",
        "\x1b[31m\x07\x0c",
        "=" * 200,
        "\u2028.\u2028",
    ],
    ids=lambda body: ascii(body)[:30],
)
def test_a_body_survives_and_cannot_end_the_data(body: str) -> None:
    raw = wire(replace(DRAFT, body_text=body))
    check_wire(raw)
    assert b"\r\n." not in raw
    assert b"\r\nFrom " not in raw.partition(b"\r\n\r\n")[2]
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    unix = body.replace("\r\n", "\n").replace("\r", "\n")
    assert text_of(email.message_from_bytes(raw)) == unix.removesuffix("\n") + "\n"


def test_a_boundary_is_changed_when_the_body_contains_it() -> None:
    first = email.message_from_bytes(wire(replace(DRAFT, body_html="<p>"))).get_boundary()
    raw = wire(replace(DRAFT, body_text=f"--{first}--\n", body_html="<p>"))
    assert email.message_from_bytes(raw).get_boundary() != first
    assert text_of(parts_of(raw)[0]) == f"--{first}--\n"


@pytest.mark.parametrize("value", ["1\r\nBcc: v@e", "1\n", "1\x00", "\x7f"])
def test_a_header_that_nobody_filtered_stops_the_build(value: str) -> None:
    for draft in (replace(DRAFT, headers=((f"X-A{value}", "1"),)), replace(DRAFT, reply_to=f"a@b{value}")):
        with pytest.raises(WireDefect):
            wire(draft)
    assert email.message_from_bytes(wire(replace(DRAFT, headers=(("X-A", value),)))).get_all("Bcc") is None


@pytest.mark.parametrize(
    "address", ["a@b.example, c@d.example", "a@b.example> <c@d.example", "A <a@b.example>", "a", "", "a@b@c"]
)
def test_an_address_that_is_not_canonical_stops_the_build(address: str) -> None:
    for draft in (replace(DRAFT, to=(address,)), replace(DRAFT, cc=(address,)), replace(DRAFT, reply_to=address)):
        with pytest.raises(WireDefect):
            wire(draft)
    with pytest.raises(WireDefect):
        wire(header_from=Address(address))


@pytest.mark.parametrize("name", ["Bcc", "From", "subject", "Return-Path", "Content-Type"])
def test_a_platform_header_that_nobody_filtered_stops_the_build(name: str) -> None:
    with pytest.raises(WireDefect):
        wire(replace(DRAFT, headers=((name, "z@e.example"),)))


def test_a_message_id_is_made_of_our_own_characters() -> None:
    assert make_message_id("agents.example", "0192-ab") == "<0192-ab@agents.example>"
    for domain, unique in (("b.example", "a\r\n"), ("b.example", ""), ("b>.example", "a"), ("b", "a b")):
        with pytest.raises(ValueError, match="letters"):
            make_message_id(domain, unique)


# What gets past the edge and might still do harm behind it. Line breaks are refused there, so they are rare here.
FRAGMENTS = [
    "=?utf-8?q?",
    "=?utf-8?b?",
    "?=",
    "=0D=0A",
    "Bcc: v@e.example",
    " ",
    "  ",
    "x" * 90,
    "\u00fc",
    '"',
    "\\",
    "<a@b>",
    ",",
    ".",
]
fragments = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join)
one_line = fragments | st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=120)
anything = one_line | st.text(max_size=60)
several_lines = st.lists(anything | st.sampled_from([".", "..", "From me", "\r\n.\r\n"]), max_size=6).map("\n".join)
names = st.sampled_from(["", "Alice", 'Al "A" Ice', "Alice\\", "\u00c4lice"]) | one_line
header_names = st.sampled_from(["X-A", "X-Custom-B", "Bcc", "From", "Content-Type", "Subject"])


@given(
    subject=anything,
    name=names,
    text=several_lines,
    html=st.none() | several_lines,
    headers=st.dictionaries(header_names, one_line.filter(lambda value: "=?" not in value), max_size=4),
    local=st.from_regex(r"[a-z#$&'*+/=?^_`{|}~-]{1,20}", fullmatch=True),
)
@settings(deadline=None, max_examples=300)
def test_whatever_is_accepted_reads_as_one_mail_with_our_headers(
    *, subject: str, name: str, text: str, html: str | None, headers: dict[str, str], local: str
) -> None:
    try:
        kept, _ = filter_headers(headers)
        sender = Address("alice@agents.example", display_names.check(name))
        to = canonical(f"{local}@b.example")
        draft = replace(DRAFT, to=(to,), subject=check_subject(subject), body_text=text, body_html=html, headers=kept)
        raw = wire(draft, header_from=sender)
    except (Refused, Invalid):
        event("refused")
        return
    event("accepted")
    check_wire(raw)
    assert_is_one_mail(raw, expected={*OURS, *(kept_name.lower() for kept_name, _ in kept)})
    assert decoded(raw, "Subject") == subject


def assert_is_one_mail(raw: bytes, *, expected: set[str]) -> None:
    """Two parsers find one each of the required headers and no header that nobody meant."""
    for policy in (email.policy.compat32, email.policy.default):
        message = email.message_from_bytes(raw, policy=policy)
        names = Counter(name.lower() for name in message.keys())  # noqa: SIM118 - a Message yields duplicates only here
        assert set(names) <= expected
        assert set(names.values()) == {1}
        assert {"from", "to", "date", "message-id", "subject"} <= set(names)
        assert not message.defects
        for value in message.values():
            assert not re.search(r"\r(?!\n)|\n(?![ \t])", str(value))
