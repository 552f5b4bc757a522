"""Header values with parameters, Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183, RFC 2231)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

from messaging.mime import charsets, encoded_words

_MAX_VALUE = 8 * 1024
_MAX_SEGMENTS = 100
_PARAMETER = re.compile(r';\s*([^\s=;"]{1,100})\s*=\s*(?:"((?:[^"\\]|\\.)*)"([^;]*)|([^;]*))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SEGMENT = re.compile(r"([^*]+)\*(?:(\d{1,3})(\*?))?")
_NAMES_A_FILE = frozenset({"filename", "name"})


@dataclass(frozen=True, slots=True)
class Parameterized:
    """`value` lower-case and without parameters. Ambiguous: two programs may read two different things."""

    value: str
    parameters: Mapping[str, str]
    is_ambiguous: bool = False


def read(text: str) -> Parameterized:
    """Total: whatever is no parameter is passed over. Of two parameters with one name the first counts."""
    head, _, _ = text.partition(";")
    plain: dict[str, str] = {}
    segments: dict[str, dict[int, tuple[bool, str]]] = {}
    is_ambiguous = len(text) > _MAX_VALUE
    for name, value, is_odd in _parameters(text[len(head) : _MAX_VALUE]):
        if found := _SEGMENT.fullmatch(name):
            known = segments.setdefault(found.group(1), {})
            number = int(found.group(2) or 0)
            is_twice = number in known or len(known) >= _MAX_SEGMENTS
            if not is_twice:
                known[number] = (found.group(2) is None or bool(found.group(3)), value)
        else:
            is_twice = name in plain
            plain.setdefault(name, value)
        is_ambiguous = is_ambiguous or is_twice or (is_odd and name not in _NAMES_A_FILE)
    extended = {name: _joined(known) for name, known in segments.items()}
    is_ambiguous = is_ambiguous or any(_differ(name, plain.get(name), value) for name, value in extended.items())
    return Parameterized(head.strip().lower(), plain | extended, is_ambiguous)


def same_file_type(one: str, other: str) -> bool:
    """True if both file names end in the same suffix: what a program would do with the file."""
    return PurePosixPath(one).suffix.lower() == PurePosixPath(other).suffix.lower()


def _parameters(text: str) -> Iterator[tuple[str, str, bool]]:
    """(name, value, is_odd): odd when something beside the value may be part of it to another program."""
    for found in _PARAMETER.finditer(text):
        name, quoted, trailing, token = found.groups()
        if quoted is not None:
            yield name.lower(), _ESCAPED.sub(r"\1", quoted), bool(trailing.strip())
        else:
            value = token.strip()
            yield name.lower(), value, bool(re.search(r'[\s("]', value))


def _joined(known: Mapping[int, tuple[bool, str]]) -> str:
    """The segments of one parameter from 0 up to the first gap, percent-decoded where they say so."""
    content = b""
    charset = ""
    for number in range(len(known)):
        if number not in known:
            break
        is_extended, value = known[number]
        if is_extended and number == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        raw = value.encode("utf-8", "replace")
        content += unquote_to_bytes(raw) if is_extended else raw
    text, _ = charsets.decode(content, charset)
    return text


def _differ(name: str, plain: str | None, extended: str) -> bool:
    if plain is None:
        return False
    if name in _NAMES_A_FILE:
        # An ASCII stand-in beside the true name is good custom; another type of file is a trick.
        return not same_file_type(encoded_words.decode(plain)[0], extended)
    return plain != extended
