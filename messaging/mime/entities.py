"""The body of an outgoing mail as a tree of MIME entities (RFC 2045, RFC 2046), files among them.

multipart/mixed                 where there are files that are not shown in place
    multipart/alternative       where there is HTML
        text/plain
        multipart/related       where the HTML shows files by their Content-ID (RFC 2387)
            text/html
            image/png …
    application/pdf …
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from messaging.mime.body_encoding import base64_lines, encode_body
from messaging.mime.encoded_words import encode
from messaging.mime.header_lines import PRINTABLE, header, quoted
from messaging.mime.refusals import WireDefect
from messaging.mime.types import OutgoingFile

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
# What must not be base64 (RFC 2046 sections 5.1 and 5.2), and what a receiving program might act upon.
_NO_FILE_TYPE = re.compile(r"multipart/|message/")
_UNKNOWN_TYPE = "application/octet-stream"
CONTENT_ID = re.compile(r"[!-;=?-~]{1,250}")
# Short enough for a folded line with the name of the parameter before it.
_SEGMENT = 60


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part with content: its header lines, and its octets as they stand on the wire. `is_text`: it may hold any
    line, so a boundary has to be compared with it."""

    headers: tuple[str, ...]
    content: bytes
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Multipart:
    """Parts under one boundary. `parameters` stand beside it in the Content-Type."""

    subtype: str
    parts: tuple[Leaf | Multipart, ...]
    parameters: tuple[str, ...] = ()


Entity = Leaf | Multipart


def tree(bodies: Sequence[tuple[str, str]], files: Sequence[OutgoingFile]) -> Entity:
    """The text bodies ("plain", and "html" after it) and the files, each where mail programs look for it."""
    plain, *html = [_text(subtype, content) for subtype, content in bodies]
    shown_in_place = [file for file in files if html and file.content_id is not None]
    beside = [file for file in files if file not in shown_in_place]
    body: Entity = plain
    if html:
        body = Multipart("alternative", (plain, _with_files(html[0], shown_in_place)))
    return Multipart("mixed", (body, *(_file(file, "attachment") for file in beside))) if beside else body


def written(entity: Entity, *, seed: str) -> Iterator[bytes]:
    """The octets of the entity from its Content-Type on. The same seed makes the same boundaries."""
    if isinstance(entity, Leaf):
        yield "".join(entity.headers).encode("ascii")
        yield b"\r\n"
        yield entity.content
        return
    boundary = _boundary(entity, seed)
    words = [f"multipart/{entity.subtype};", *entity.parameters, f'boundary="{boundary}"']
    yield header("Content-Type", words).encode("ascii")
    yield b"\r\n"
    for place, part in enumerate(entity.parts):
        yield f"--{boundary}\r\n".encode("ascii")
        yield from written(part, seed=f"{seed} {place}")
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode("ascii")


def _text(subtype: str, text: str) -> Leaf:
    encoding, content = encode_body(text)
    kind = header("Content-Type", [f"text/{subtype};", "charset=utf-8"])
    return Leaf((kind, header("Content-Transfer-Encoding", [encoding])), content, is_text=True)


def _with_files(html: Leaf, files: Sequence[OutgoingFile]) -> Entity:
    if not files:
        return html
    return Multipart("related", (html, *(_file(file, "inline") for file in files)), ('type="text/html";',))


def _file(file: OutgoingFile, disposition: str) -> Leaf:
    headers = [
        header("Content-Type", [f"{_media_type(file)};", *_typed_name(file.filename)]),
        header("Content-Transfer-Encoding", ["base64"]),
        header("Content-Disposition", [f"{disposition};", *_named("filename", file.filename)]),
    ]
    if file.content_id is not None:
        if not CONTENT_ID.fullmatch(file.content_id):
            raise WireDefect("content id")
        headers.append(header("Content-ID", [f"<{file.content_id}>"]))
    return Leaf(tuple(headers), base64_lines(file.content))


def _media_type(file: OutgoingFile) -> str:
    kind = file.content_type.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(kind) or _NO_FILE_TYPE.match(kind):
        return _UNKNOWN_TYPE
    return f"{kind}; charset=utf-8" if kind.startswith("text/") and _is_utf8(file.content) else kind


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _typed_name(name: str) -> list[str]:
    """`name` of a Content-Type. Encoded words do not belong there (RFC 2047 section 5), but old programs read no
    RFC 2231, look here, and understand them."""
    if PRINTABLE.fullmatch(name) and "=?" not in name:
        return [f"name={quoted(name)}"]
    first, *others = encode(name)
    words = [f'name="{first}', *others]
    return [*words[:-1], f'{words[-1]}"']


def _named(parameter: str, name: str) -> list[str]:
    """A file name as a parameter: quoted while it is plain ASCII, else in UTF-8 by RFC 2231, in pieces where long."""
    if PRINTABLE.fullmatch(name) and "=?" not in name:
        return [f"{parameter}={quoted(name)}"]
    pieces = _pieces(name)
    if len(pieces) == 1:
        return [f"{parameter}*=UTF-8''{pieces[0]}"]
    first, *others = pieces
    lines = [f"{parameter}*0*=UTF-8''{first}", *(f"{parameter}*{place}*={one}" for place, one in enumerate(others, 1))]
    return [*(f"{line};" for line in lines[:-1]), lines[-1]]


def _pieces(name: str) -> list[str]:
    """The name percent-encoded, cut between characters."""
    pieces = [""]
    for character in name:
        encoded = quote(character, safe="")
        if len(pieces[-1]) + len(encoded) > _SEGMENT:
            pieces.append("")
        pieces[-1] += encoded
    return pieces


def _boundary(entity: Multipart, seed: str) -> str:
    """In none of the parts. "=_" occurs in no encoded body, so only texts are looked through."""
    texts = [leaf.content for leaf in _leaves(entity) if leaf.is_text]
    for attempt in range(1_000):
        boundary = "=_" + hashlib.sha256(f"{seed} {attempt}".encode()).hexdigest()[:32]
        if not any(boundary.encode("ascii") in text for text in texts):
            return boundary
    raise WireDefect("no boundary found")


def _leaves(entity: Entity) -> Iterator[Leaf]:
    if isinstance(entity, Leaf):
        yield entity
    else:
        for part in entity.parts:
            yield from _leaves(part)
