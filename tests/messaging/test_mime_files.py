"""Files on the wire: where they stand in the tree, under which name, and that other programs read them so."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage, Message
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime import file_names, seal
from messaging.mime.parse import attachment_content, parse
from messaging.mime.refusals import WireDefect
from messaging.mime.types import Draft, OutgoingFile
from messaging.mime.wire import check_wire

from .mime_samples import DRAFT, wire

PDF = b"%PDF-1.7\r\n\x00\xff\n.\r\n" * 40
NAMES = [
    "plan.pdf",
    'a "quoted" \\ name.pdf',
    "Übergrößenträger.pdf",
    "отчёт за май.pdf",
    "مستند.pdf",
    "מסמך.pdf",
    "計画書 最終版.pdf",
    "रिपोर्ट.pdf",
    "📎 🎉.pdf",
    "100%'*;=.pdf",
    "é" * 140 + ".pdf",
    "x" * 146 + ".pdf",
]


def file(name: str = "plan.pdf", content: bytes = PDF, **fields: Any) -> OutgoingFile:
    asked: dict[str, Any] = {"content_type": "application/pdf", "attachment_id": UUID(int=7)} | fields
    return OutgoingFile(filename=name, content=content, sha256=sha256(content).hexdigest(), **asked)


def sent(*files: OutgoingFile, draft: Draft = DRAFT, **changes: Any) -> bytes:
    return wire(replace(draft, files=files, **changes))


def shape(message: Message) -> Any:
    """The tree of media types."""
    if not message.is_multipart():
        return message.get_content_type()
    parts: Any = message.get_payload()
    return {message.get_content_type(): [shape(part) for part in parts]}


def shape_of(raw: bytes) -> Any:
    return shape(email.message_from_bytes(raw))


def read(raw: bytes) -> list[EmailMessage]:
    """The attachments as the standard library's modern parser reads them."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    return [part for part in message.walk() if part.get_filename()]


PNG = file("logo.png", b"\x89PNG" + bytes(range(256)), content_type="image/png", content_id="logo@agents.example")


def test_a_file_stands_beside_the_text() -> None:
    assert shape_of(sent(file())) == {"multipart/mixed": ["text/plain", "application/pdf"]}


def test_a_file_comes_after_the_alternatives_of_the_text() -> None:
    assert shape_of(sent(file(), file("b.pdf"), body_html="<p>Hi</p>")) == {
        "multipart/mixed": [
            {"multipart/alternative": ["text/plain", "text/html"]},
            "application/pdf",
            "application/pdf",
        ]
    }


def test_a_file_that_the_html_shows_is_related_to_it() -> None:
    raw = sent(PNG, file(), body_html='<img src="cid:logo@agents.example">')
    assert shape_of(raw) == {
        "multipart/mixed": [
            {"multipart/alternative": ["text/plain", {"multipart/related": ["text/html", "image/png"]}]},
            "application/pdf",
        ]
    }
    logo, plan = read(raw)
    assert (logo["Content-ID"], logo.get_content_disposition()) == ("<logo@agents.example>", "inline")
    assert (plan["Content-ID"], plan.get_content_disposition()) == (None, "attachment")


def test_a_file_with_a_content_id_is_a_plain_attachment_where_there_is_no_html() -> None:
    raw = sent(PNG)
    assert shape_of(raw) == {"multipart/mixed": ["text/plain", "image/png"]}
    assert read(raw)[0].get_content_disposition() == "attachment"


def test_no_two_boundaries_are_alike() -> None:
    raw = sent(PNG, file(), body_html="<p>Hi</p>")
    message = email.message_from_bytes(raw)
    boundaries = [part.get_boundary() for part in message.walk() if part.is_multipart()]
    assert len(set(boundaries)) == len(boundaries) == 3


def test_a_boundary_is_in_no_text() -> None:
    boundary = email.message_from_bytes(sent(file())).get_boundary()
    raw = sent(file(), body_text=f"--{boundary}--\nmine\n")
    assert shape_of(raw) == {"multipart/mixed": ["text/plain", "application/pdf"]}
    assert parse(raw).attachments[0].filename == "plan.pdf"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_as_it_was_given(name: str) -> None:
    raw = sent(file(name))
    check_wire(raw)
    [part] = read(raw)
    assert part.get_filename() == name
    assert part.get_content() == PDF
    [ours] = parse(raw).attachments
    assert ours.filename == file_names.safe(name)
    assert "ambiguous_mime" not in parse(raw).defects


def test_old_programs_find_the_name_in_the_content_type() -> None:
    raw = sent(file("計画書.pdf"))
    assert b'name="=?utf-8?b?' in raw
    assert b"filename*=UTF-8''%E8%A8%88%E7%94%BB%E6%9B%B8.pdf" in raw


def test_a_long_name_is_cut_between_characters() -> None:
    raw = sent(file("計画" * 60 + ".pdf"))
    assert b"filename*0*=UTF-8''%E8" in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 100


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=150), st.binary(max_size=400))
def test_whatever_the_name_and_the_content_nothing_else_gets_onto_the_wire(name: str, content: bytes) -> None:
    try:
        raw = sent(file(name, content))
    except UnicodeEncodeError:  # half a surrogate pair: no name of a row
        return
    check_wire(raw)
    assert shape_of(raw) == {"multipart/mixed": ["text/plain", "application/pdf"]}
    [ours] = parse(raw).attachments
    assert attachment_content(raw, ours.index) == content


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("application/pdf; charset=x", "application/pdf"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("text/plain\r\nBcc: eve@evil.example", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_a_media_type_is_one_or_it_is_unknown(declared: str, shown: str) -> None:
    raw = sent(file(content_type=declared))
    assert shape_of(raw) == {"multipart/mixed": ["text/plain", shown]}
    assert b"Bcc" not in raw


def test_a_text_file_says_that_it_is_utf_8_if_it_is() -> None:
    known, unknown = read(sent(file("a.txt", "Größe".encode(), content_type="text/plain"),
                               file("b.txt", b"\xff\xfe", content_type="text/plain")))  # fmt: skip
    assert known.get_content() == "Größe"
    assert unknown.get_content_charset() is None


@pytest.mark.parametrize("content_id", ["a b", "a>b", "", "a\r\nBcc: x", "ü@x", "x" * 251])
def test_a_content_id_that_could_be_more_never_gets_onto_the_wire(content_id: str) -> None:
    with pytest.raises(WireDefect):
        sent(file(content_id=content_id))


def test_the_seal_is_another_one_when_a_file_changes() -> None:
    def sealed(one: OutgoingFile) -> str:
        raw = sent(one)
        return seal.seal(header_from="a@b.example", recipients=[("to", "c@d.example")], send_at=None, raw=raw)

    seals = {sealed(file()), sealed(file(content=PDF + b"x")), sealed(file("other.pdf")), sealed(file("plan.pdx"))}
    assert len(seals) == 4
    assert sealed(file()) in seals
