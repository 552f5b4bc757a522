"""The address matrix: what a spelling becomes, or that it is refused (reliability F5, F6, A04, A05, A06)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime.addresses import canonical, split_plus, suppression_key
from messaging.mime.refusals import AddressRefused

ACCEPTED = [
    ("s@b.example", "s@b.example"),
    ("S@B.EXAMPLE", "s@b.example"),
    ("First.Last@Mail.Example.COM", "first.last@mail.example.com"),
    ("s+x@b.example", "s+x@b.example"),
    ("+x@b.example", "+x@b.example"),
    ("o'hara@b.example", "o'hara@b.example"),
    ("a&b=c?d/e{f}|g~h^i`j@b.example", "a&b=c?d/e{f}|g~h^i`j@b.example"),
    ("-flag@b.example", "-flag@b.example"),
    ("x" * 64 + "@b.example", "x" * 64 + "@b.example"),
    ("s@\uff42.example", "s@b.example"),  # fullwidth b
    ("a@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.example", "a@example.example"),  # F5, fullwidth
    ("a@\u212a.example", "a@k.example"),  # Kelvin sign
    ("s@b\u3002example", "s@b.example"),  # ideographic full stop
    ("s@b\uff0eexample", "s@b.example"),  # fullwidth full stop
    ("a@fa\u00df.example", "a@xn--fa-hia.example"),  # IDNA 2008, not "fass"
    ("a@FASS.example", "a@fass.example"),
    ("a@b\u00fccher.example", "a@xn--bcher-kva.example"),
    ("a@bu\u0308cher.example", "a@xn--bcher-kva.example"),  # decomposed
    ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
    ("a@\u0430\u0440\u0440\u04cf\u0435.example", "a@xn--80ak6aa92e.example"),
    ("a@\u4f8b\u3048.\u30c6\u30b9\u30c8", "a@xn--r8jz45g.xn--zckzah"),
    ("a@host.localhost", "a@host.localhost"),
    ("a@host.test", "a@host.test"),
    ("a@host.local", "a@host.local"),
    ("a@host.invalid", "a@host.invalid"),
    ("a@host.onion", "a@host.onion"),
    ("a@1.example", "a@1.example"),
    ("a@b-c.example", "a@b-c.example"),
]

REFUSED = [
    # A04: more than one mailbox, or a second command
    "a@b.example, evil@x.example",
    "a@b.example,evil@x.example",
    "a@b.example;evil@x.example",
    "a@b.example\r\nRCPT TO:<e@x>",
    "a@b.example> NOTIFY=NEVER",
    "g: a@b.example;",
    "g:a@b.example;",
    "a@b.example\n",
    "a@b.example\x00",
    "a@b.example\x85",
    "a@b.example\u2028",
    # F5: other spellings that mail libraries deliver to the plain address
    "suppressed@b.example (x)",
    "suppressed@b.example(x)",
    "(x)suppressed@b.example",
    '"a@ok" <suppressed@b.example>',
    "A <suppressed@b.example>",
    "<suppressed@b.example>",
    "<@r.example:z@b.example>",
    "@r.example:z@b.example",
    # A05
    '"s"@b.example',
    '"s x"@b.example',
    '"s\\"x"@b.example',
    "s@b.example.",
    "s@b\u00ad.example",
    "\u017f@b.example",  # long s
    "\u212a@b.example",  # Kelvin sign in the local part
    "s%b.example@ok.example",
    "s!b@ok.example",
    "=?utf-8?q?s?=@b.example",
    # F6
    "=?utf-8?q?x=40y.example=3e=20?=@example.com",
    # controls, spaces, invisible characters
    "",
    " ",
    " s@b.example",
    "s@b.example ",
    "s @b.example",
    "s@ b.example",
    "s\t@b.example",
    "s\u00a0@b.example",
    "s\u200b@b.example",
    "s@b\u200b.example",
    "s@b\u200d.example",
    "s@b\u2060.example",
    "s@b\ufeff.example",
    "s@b\ufe0f.example",
    "s@b\u034f.example",
    "s@\u202eelpmaxe.b",
    "s\U000e0061@b.example",
    "s\ud800@b.example",
    # not an address
    "s",
    "@b.example",
    "s@",
    "s@b",
    "s@localhost",
    "s@@b.example",
    "a@b@c.example",
    "a@evil.example@good.example",
    "s\uff20b.example",  # fullwidth at sign
    ".s@b.example",
    "s.@b.example",
    "s..t@b.example",
    "s@.example",
    "s@b..example",
    "s@-b.example",
    "s@b-.example",
    "s@b_c.example",
    "s@[127.0.0.1]",
    "s@[IPv6:::1]",
    "s@127.0.0.1",
    "s@2130706433",
    "s@\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",  # circled digits fold to 127.0.0.1
    "s@xn--a.example",
    "s@\U0001f600.example",
    "\u00fc@b.example",
    "x" * 65 + "@b.example",
    "s@" + "b" * 64 + ".example",
    "s@" + "b." * 130 + "example",
    "s" * 10_000,
]


@pytest.mark.parametrize(("spelling", "expected"), ACCEPTED)
def test_an_address_gets_its_one_spelling_when_it_is_plain(spelling: str, expected: str) -> None:
    assert canonical(spelling) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize("spelling", REFUSED, ids=ascii)
def test_an_address_is_refused_when_programs_could_read_it_differently(spelling: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        canonical(spelling)
    assert refusal.value.code.startswith("address_")
    assert refusal.value.sentence.endswith(".")


def test_the_matrix_has_the_promised_size() -> None:
    assert len(ACCEPTED) + len(REFUSED) >= 60


@pytest.mark.parametrize(
    "spelling",
    ["s@b.example", "S@B.EXAMPLE", "s+x@b.example", "S+y+z@b.example", "s@\uff42.example", "s@b\u3002example"],
)
def test_spellings_of_one_mailbox_share_one_suppression_key(spelling: str) -> None:
    assert suppression_key(spelling) == "s@b.example"


def test_dots_and_hyphens_keep_different_people_apart_in_the_suppression_key() -> None:
    keys = {
        suppression_key(a) for a in ("anna-maria@b.example", "anna-lena@b.example", "a.b@b.example", "ab@b.example")
    }
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("local", "base"),
    [("support+orders", "support"), ("support", "support"), ("a+b+c", "a"), ("+x", "+x"), ("a+", "a")],
)
def test_the_plus_tag_is_split_off(local: str, base: str) -> None:
    assert split_plus(local) == base


@given(st.text(max_size=80) | st.from_regex(r"[ -~]{1,20}@[ -~]{1,20}\.[a-z]{2,6}", fullmatch=True))
@settings(deadline=None, max_examples=150)
def test_whatever_is_accepted_is_one_stable_ascii_atom_pair(text: str) -> None:
    try:
        address = canonical(text)
    except AddressRefused:
        return
    assert address.isascii()
    assert address.count("@") == 1
    assert not set(address) & set(' \t\r\n<>()[]\\,;:"%')
    assert canonical(address) == address
    assert suppression_key(address) == suppression_key(suppression_key(address))
