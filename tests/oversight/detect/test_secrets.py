"""Secrets that would leave, in every wrapping; and harmless numbers that are none (reliability A22)."""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Callable

import pytest

from mailboxes import keys
from oversight.policy.detect import secrets
from oversight.policy.detect.material import FILE_BYTES, FileContent, Material

HEAD = "gp_live_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9f"
KEY = HEAD + keys.checksum(HEAD)


def kinds(material: Material | str) -> set[str]:
    found = secrets.find(Material(text=material) if isinstance(material, str) else material)
    return {one.kind for one in found}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES: dict[str, Callable[[str], Material]] = {
    "as it is": lambda key: Material(text=f"The key is {key}."),
    "in the subject": lambda key: Material(subject=key),
    "in a header": lambda key: Material(headers=(f"X-Note: {key}",)),
    "zero-width characters": lambda key: Material(text="\u200b".join(key)),
    "soft hyphens and joiners": lambda key: Material(text="\u00ad\u2060\ufeff".join(key)),
    "tag characters": lambda key: Material(text="\U000e0041".join(key)),
    "wide letters": lambda key: Material(text="".join(chr(ord(one) + 0xFEE0) for one in key)),
    "spaces": lambda key: Material(text=" ".join(key)),
    "dashes": lambda key: Material(text="-".join(key)),
    "broken over lines": lambda key: Material(text=f"{key[:20]}\n{key[20:]}"),
    "base64": lambda key: Material(text=_base64(key)),
    "base64 of a sentence": lambda key: Material(text=_base64(f"my key: {key}")),
    "base64 after a word": lambda key: Material(text=f"data{_base64(key)}"),
    "base64 in lines": lambda key: Material(text=base64.encodebytes(f"{'x' * 70}{key}".encode()).decode()),
    "base64 for URLs": lambda key: Material(text=base64.urlsafe_b64encode(f"\u07ff\u07ff{key}".encode()).decode()),
    "base64 of base64": lambda key: Material(text=_base64(_base64(f"key {key}"))),
    "base64 of UTF-16": lambda key: Material(text=base64.b64encode(key.encode("utf-16")).decode()),
    "hexadecimal": lambda key: Material(text=key.encode().hex()),
    "percent signs": lambda key: Material(text=f"https://e.example/?d={key.replace('_', '%5F')}"),
    "a link's query": lambda key: Material(html=f'<a href="https://e.example/?d={key}">here</a>'),
    "HTML alone": lambda key: Material(text="Hello", html=f"<p>{key}</p>"),
    "parted by tags": lambda key: Material(html=f"<p>gp_<b>live</b>_<i>{key[8:20]}</i>{key[20:]}</p>"),
    "entities": lambda key: Material(html="<p>" + key.replace("_", "&#95;") + "</p>"),
    "a comment": lambda key: Material(html=f"<p>Hi</p><!-- {key} -->"),
    "a hidden element": lambda key: Material(html=f'<p>Hi</p><span style="display:none">{key}</span>'),
    "an attribute": lambda key: Material(html=f'<img alt="{key}">'),
    "a file of text": lambda key: Material(files=(FileContent("notes.txt", f"x\n{key}".encode()),)),
    "a file of UTF-16": lambda key: Material(files=(FileContent("notes.txt", key.encode("utf-16")),)),
    "a file of UTF-16 that does not say so": lambda key: Material(files=(FileContent("n", key.encode("utf-16-le")),)),
    "a file that says it is a picture": lambda key: Material(files=(FileContent("a.png", b"\x89\0" + key.encode()),)),
    "a file in base64": lambda key: Material(files=(FileContent("a", base64.encodebytes(key.encode())),)),
    "a file's name": lambda key: Material(files=(FileContent(f"{key}.txt", b""),)),
    "a test key": lambda key: Material(text=key.replace("live", "test")),
    "behind more text than is looked at": lambda key: Material(text="good day " * 200_000 + key),
    "the greater part of it": lambda key: Material(text=key[:30]),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_our_own_key_is_found_in_every_disguise(disguise: str) -> None:
    material = DISGUISES[disguise](KEY)
    assert {one.kind for one in secrets.own_keys(material)} == {"own_key"}
    assert "own_key" in kinds(material)


def test_any_key_that_we_make_is_found() -> None:
    for _ in range(200):
        head = "gp_live_" + "".join(randomness.choice(keys.ALPHABET) for _ in range(keys.RANDOM_LENGTH))
        key = head + keys.checksum(head)
        assert keys.is_well_formed(key)
        assert secrets.own_keys(Material(text=key))
        assert secrets.own_keys(Material(text=_base64(key)))


@pytest.mark.parametrize(
    "text",
    ["gp_live_…", "Copy the whole key: gp_live_… or gp_test_", KEY[:14], "gp_live_ is what it begins with", "gp live"],
)
def test_to_speak_of_our_keys_is_no_key(text: str) -> None:
    assert secrets.own_keys(Material(text=text)) == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "api_key"),
        ("aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12", "api_key"),
        ("ghp_" + "a1B2" * 9, "api_key"),
        ("github_pat_" + "a1B2c" * 12, "api_key"),
        ("xoxb-123456789012-abcdefGHIJ", "api_key"),
        ("https://hooks.slack.com/services/T0000000/B0000000/XXXXXXXXXXXX", "api_key"),
        ("sk_live_" + "a1B2" * 6, "api_key"),
        ("AIza" + "Sy1_-" * 7, "api_key"),
        ("sk-proj-" + "a1B2c" * 6, "api_key"),
        ("sk-" + "a1B2c" * 8, "api_key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private_key"),
        ("-----BEGIN PRIVATE KEY-----", "private_key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private_key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "private_key"),
        (_base64("-----BEGIN EC PRIVATE KEY-----\nMHcC"), "private_key"),
        ("4111 1111 1111 1111", "card_number"),
        ("4111-1111-1111-1111", "card_number"),
        ("5555555555554444", "card_number"),
        ("3782 822463 10005", "card_number"),
        ("6011000990139424", "card_number"),
        ("2223003122003222", "card_number"),
        ("4\u200b111\u200b1111\u200b1111\u200b1111", "card_number"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "card_number"),
        (_base64("card 4111111111111111 12/29"), "card_number"),
        ("DE89 3704 0044 0532 0130 00", "iban"),
        ("de89370400440532013000", "iban"),
        ("GB29NWBK60161331926819", "iban"),
        ("IBAN: ES91 2100 0418 4502 0005 1332 BIC CAIXESBB", "iban"),
        ("password: Hunter2!", "password"),
        ("Your password is S3cret99.", "password"),
        ("Passwort: geheim123", "password"),
        ("pwd=tr0ub4dor", "password"),
    ],
)
def test_a_secret_is_found(text: str, kind: str) -> None:
    assert kinds(f"Hello,\n{text}\nBye") == {kind}


HARMLESS = [
    "Your order 4539578763621487 has shipped.",  # the check digit is wrong
    "Order 111-1234567-1234567, invoice 2026-000123, customer 300512345",
    "Tracking: 1Z999AA10123456784, 9400 1000 0000 0000 0000 00, 00340434161094042557, JD014600003828392837",
    "Call +49 30 901820 or +1 (415) 555-2671 or 0044 20 7946 0958 ext. 4111",
    "+4111111111111111",
    "IMEI 490154203237518, EAN 4006381333931, ISBN 978-3-16-148410-0",
    "550e8400-e29b-41d4-a716-446655440000, 5f4dcc3b5aa765d61d8327deb882cf99",
    "1700000000000 and 20261121183000123",
    "DE89 3704 0044 0532 0130 01",  # the remainder is wrong
    "DE12 of the list, and FR 76 points",
    "password: required",
    "Password: must be at least eight characters long",
    "Your password is safe with us. Reset your password: https://app.example/reset?id=1",
    "password: ********",
    "risk-averse-and-very-long-wording-of-it, task-force-of-twenty-people",
    "-----BEGIN CERTIFICATE-----, -----BEGIN PUBLIC KEY-----",
    "https://example.org/a/very/long/path/without-any-spaces/in-it/2026/11/21/index.html",
    "Supercalifragilisticexpialidocious Donaudampfschifffahrtsgesellschaft",
    "All-hands at 10.30 in room 4111, dial-in 1111 1111 1111 1111",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_mail_stays_silent(text: str) -> None:
    assert kinds(text) == set()
    assert kinds(Material(html=f"<p>{text}</p>")) == set()


def test_where_it_stands_is_told_and_never_what_it_is() -> None:
    material = Material(
        subject="Card", text=_base64("card 4111111111111111 x"), files=(FileContent("a.csv", b"5555555555554444"),)
    )
    found = secrets.find(material)
    assert {(one.kind, one.where) for one in found} == {
        ("card_number", "text, wrapped"),
        ("card_number", "file a.csv"),
    }
    assert "4111" not in repr(found)


def test_a_file_is_looked_at_up_to_a_bound() -> None:
    beyond = FileContent("big.txt", b"x " * FILE_BYTES + KEY.encode())
    assert secrets.own_keys(Material(files=(beyond,))) == ()
