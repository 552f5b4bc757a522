"""Encoded words, parameters and transfer encodings, both ways and on bad input (reliability A31, A33, A34)."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime import encoded_words, parameterized
from messaging.mime.body_encoding import decode_body, encode_body

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(text)
@settings(deadline=None, max_examples=200)
def test_words_we_encode_are_short_ascii_and_read_back(value: str) -> None:
    words = encoded_words.encode(value)
    assert all(word.isascii() and len(word) <= 66 for word in words)
    assert encoded_words.decode(" ".join(words)) == (value, True)


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?a_b=3F?=", "a b?"),
        ("=?UTF-8?B?w7w=?= x", "\u00fc x"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= \t =?iso-8859-1?q?=FC?=", "a\u00fc"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        ("=?utf-8*en?q?a?=", "a"),
        ("=?utf-8?q?two words?=", "two words"),
        ("=?utf-8?b?w7w?=", "\u00fc"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "\u00fc"),
        ("a =? b ?= c", "a =? b ?= c"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (" =?utf-8?q?a?=", " a"),
    ],
)
def test_words_of_others_are_read(value: str, decoded: str) -> None:
    assert encoded_words.decode(value) == (decoded, True)


@pytest.mark.parametrize("value", ["=?idna?q?xn--a?=", "=?utf-7?q?+ADw-?=", "=?utf-8?q?=FF?=", "=?x?b?AAA?="])
def test_words_in_a_doubtful_charset_are_not_certain(value: str) -> None:
    assert encoded_words.decode(value)[1] is False


@given(text)
@settings(deadline=None, max_examples=200)
def test_bodies_we_encode_read_back(value: str) -> None:
    encoding, content = encode_body(value)
    unix = value.replace("\r\n", "\n").replace("\r", "\n")
    expected = unix if unix.endswith("\n") else f"{unix}\n"
    decoded, is_certain = decode_body(content, encoding)
    assert is_certain
    assert decoded.decode().replace("\r\n", "\n") == expected
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 78
    assert not content.startswith(b".")
    assert b"\r\n." not in content


@pytest.mark.parametrize(
    ("content", "encoding", "expected", "is_certain"),
    [
        (b"SGVsbG8=", "base64", b"Hello", True),
        (b"SGVs\r\nbG8=\r\n", "BASE64", b"Hello", True),
        (b"SGVsbG8", "base64", b"Hello", True),
        (b"S!G-V*sbG8=", "base64", b"Hello", True),
        (b"SGVsbG8=SGVsbG8=", "base64", b"Hello", False),
        (b"SGVsbG8==A", "base64", b"Hello", False),
        (b"SGVsb", "base64", b"Hel", False),
        (b"", "base64", b"", True),
        (b"====", "base64", b"", True),
        (b"a=20b=\r\nc", "quoted-printable", b"a bc", True),
        (b"a=ZZ", "quoted-printable", b"a=ZZ", True),
        (b"=41", "8bit", b"=41", True),
        (b"=41", None, b"=41", True),
        (b"x", "x-uuencode", b"x", False),
    ],
)
def test_transfer_encodings_of_others_are_read(
    content: bytes, encoding: str | None, expected: bytes, is_certain: bool
) -> None:
    assert decode_body(content, encoding) == (expected, is_certain)


@given(st.binary(max_size=100))
@settings(deadline=None, max_examples=200)
def test_base64_agrees_with_the_standard_library_where_that_has_an_answer(content: bytes) -> None:
    assert decode_body(base64.encodebytes(content), "base64") == (content, True)
    try:
        expected = binascii.a2b_base64(content, strict_mode=True)
    except binascii.Error:
        return
    assert decode_body(content, "base64")[0] == expected


@pytest.mark.parametrize(
    ("value", "main", "parameters"),
    [
        ("text/plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
        ('Text/Plain ; Charset = "utf-8"', "text/plain", {"charset": "utf-8"}),
        ('a/b; name="a;b\\"c"', "a/b", {"name": 'a;b"c'}),
        ("a/b; name*=utf-8'en'%C3%BC", "a/b", {"name": "\u00fc"}),
        ("a/b; name*0=one; name*1=two", "a/b", {"name": "onetwo"}),
        ("a/b; name*1=two; name*0*=utf-8''%C3%BC", "a/b", {"name": "\u00fctwo"}),
        ("a/b; name*0=one; name*2=three", "a/b", {"name": "one"}),
        ("a/b; name*0*=iso-8859-1''%FC; name*1*=%FC", "a/b", {"name": "\u00fc\u00fc"}),
        ("a/b;;; x", "a/b", {}),
        ("", "", {}),
    ],
)
def test_parameters_are_read(value: str, main: str, parameters: dict[str, str]) -> None:
    read = parameterized.read(value)
    assert (read.value, dict(read.parameters), read.is_ambiguous) == (main, parameters, False)


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(["a/b", ";", "name", "*", "0", "=", '"', "\\", "'", "%", "utf-8", " "]), max_size=40
    ).map("".join)
)
@settings(deadline=None, max_examples=200)
def test_any_parameters_are_read(value: str) -> None:
    read = parameterized.read(value)
    assert all(isinstance(found, str) for found in read.parameters.values())
