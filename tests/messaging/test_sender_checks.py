"""SPF, DKIM and DMARC of received mail, against a real name server on loopback (A26-A28, F12)."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_django import Settings

from messaging.inbound import dns_lookups, parser_process, sender_checks
from messaging.inbound.checks import Checks
from messaging.models import RawMessage
from tests import builders
from tests.arrivals import arrive
from tests.fakes.dns import name_server
from tests.letters import letter

DOMAIN = "friends.example"
LONG = 60.0
PEER = "198.51.0.7"


# 768 bits, which today's libraries do not make any more. Signs nothing but these tests.
SMALL_KEY = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBzAIBAAJhAMfh0BTysJle+veShfQ7OD6H8D9fQN4524C5BG0ZD3Dm21f+QTT9
X8Fs7Q1MhFA70LGq4Bb//P6Wiclj91hU/Sabcr6ruPXrQs93W6M8d1YCmFLMFL8h
o9Wig6N0t2W6WwIDAQABAmBRIXYdWpiV2DiTzrRyeqsMro60mkwxJ1jSOcbzJW3g
DMRRRhFfmcyJLVZWxI0cJ/qH3zj/MS6L/LLm6Y8saWUT81ZGOwyOkmv593oUIm/3
W0ouMFTPJXQDbgcnA1LvzbECMQD6T9+IjG3nWBXfSYYJ6miAmvGYeimEU4R9/FIG
rCp+3embLU4shp+ZvxdZsO1b2tMCMQDMbJOJAyWkbk2J9UZp7M3H8NW+48OvT0p7
1ISsbZ2JfzAuJn+rmINJgWjfD/EoXVkCMQDnbNGOvccfDSGrv55drIvR229jOg8I
eO8WTCLKaIMhqKpC/jA4mn8U9sfv9NR/CGECMQCaFt2+0Vh2cY6RBwlkntMeezMj
CJxgcOw8Gx1Gu/mbwvuWTf6+Yd/UcG+UdHfbbUECMQDUeCQFEz1pXOOlAhTHgK8k
X93SzALLxbt1MY0StQBQF0PPwxiDra9ZdaDpcxRxd2g=
-----END RSA PRIVATE KEY-----
"""
SMALL_RECORD = (
    "v=DKIM1; k=rsa; p=MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAMfh0BTysJle+veShfQ7OD6H8D9fQN4524C5BG"
    "0ZD3Dm21f+QTT9X8Fs7Q1MhFA70LGq4Bb//P6Wiclj91hU/Sabcr6ruPXrQs93W6M8d1YCmFLMFL8ho9Wig6N0t2W6WwIDAQAB"
)


def new_key() -> tuple[bytes, str]:
    """A private key and the DNS record of its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


KEY, RECORD = new_key()


def sign(raw: bytes, *, domain: str = DOMAIN, selector: str = "s1", key: bytes = KEY, **options: object) -> bytes:
    asked: dict[str, object] = {"include_headers": [b"from", b"subject"], "canonicalize": (b"relaxed", b"relaxed")}
    header: bytes = dkim.sign(raw, selector.encode(), domain.encode(), key, **(asked | options))
    return header + raw


ZONE = {
    (DOMAIN, "TXT"): [f"v=spf1 ip4:{PEER} -all"],
    ("endless.example", "TXT"): ["v=spf1 include:endless.example -all"],
    (f"s1._domainkey.{DOMAIN}", "TXT"): [RECORD],
    (f"small._domainkey.{DOMAIN}", "TXT"): [SMALL_RECORD],
    (f"s1._domainkey.mail.{DOMAIN}", "TXT"): [RECORD],
    ("s1._domainkey.other.example", "TXT"): [RECORD],
    (f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=reject; sp=quarantine"],
    ("_dmarc.strict.example", "TXT"): ["v=DMARC1; p=none; adkim=s; aspf=s"],
    ("s1._domainkey.mail.strict.example", "TXT"): [RECORD],
}


@pytest.fixture(autouse=True)
def _dns(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that is asked with patience; tests of our impatience set it."""
    monkeypatch.setattr(dns_lookups, "PROBE_SECONDS", LONG)
    monkeypatch.setattr(dns_lookups, "BUDGET_SECONDS", LONG)
    with name_server(ZONE) as server:
        settings.DNS_RESOLVERS = [server]
        yield


def check(raw: bytes, *, peer: str = PEER, sender: str = f"kim@{DOMAIN}", helo: str = "mx.friends.example") -> Checks:
    row = RawMessage(raw=raw, peer=peer, helo=helo, envelope_sender=sender)
    return sender_checks.check(row, parser_process.parse(raw))


def test_an_honest_mail_passes_all_three() -> None:
    checks = check(sign(letter()))
    assert (checks.spf, checks.spf_domain, checks.dmarc, checks.dmarc_policy) == ("pass", DOMAIN, "pass", "reject")
    assert [(s.result, s.domain, s.selector) for s in checks.dkim] == [("pass", DOMAIN, "s1")]
    assert checks.is_authenticated


def test_a_mail_from_elsewhere_fails() -> None:
    checks = check(letter(), peer="198.51.0.99")
    assert (checks.spf, checks.dmarc, checks.is_authenticated) == ("fail", "fail", False)


def test_a_changed_mail_fails_its_signature() -> None:
    (signature,) = check(sign(letter()).replace(b"Good day", b"Bad day!")).dkim
    assert signature.result == "fail"


def test_a_signature_of_another_domain_does_not_vouch_for_the_author() -> None:
    checks = check(sign(letter(), domain="other.example"), sender="bulk@other.example")
    assert checks.dkim[0].result == "pass"
    assert (checks.dmarc, checks.is_authenticated) == ("fail", False)


def test_a_subdomain_is_aligned_unless_the_record_is_strict() -> None:
    relaxed = check(sign(letter(), domain=f"mail.{DOMAIN}"), peer="198.51.0.99")
    assert relaxed.dmarc == "pass"
    raw = sign(letter(sender="kim@strict.example"), domain="mail.strict.example")
    assert check(raw, sender="kim@mail.strict.example").dmarc == "fail"


def test_a_subdomain_inherits_its_policy() -> None:
    checks = check(letter(sender="kim@deep.friends.example"), peer="198.51.0.99")
    assert (checks.dmarc, checks.dmarc_policy) == ("fail", "quarantine")


def test_two_suffixes_are_not_one_organization() -> None:
    checks = check(letter(sender="kim@a.co.uk"), sender="x@b.co.uk")
    assert not checks.is_authenticated


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("length tag", sign(letter(), length=True) + b"appended"),
        ("second From in front", b"From: ceo@friends.example\r\n" + sign(letter())),
        ("From not signed", sign(letter(), include_headers=[b"from"]).replace(b"h=from", b"h=date")),
        ("signature without end", b"DKIM-Signature: v=1; " + b"a" * 60_000 + b"\r\n" + letter()),
        ("nonsense", b"DKIM-Signature: v=1; a=rsa-sha256; d=\xff; s=; h=:::; b=!; bh=\r\n" + letter()),
        ("expired", sign(letter()).replace(b"; t=", b"; x=100; t=")),
        ("no key", sign(letter(), selector="gone")),
    ],
)
def test_an_unreliable_signature_does_not_authenticate(name: str, raw: bytes) -> None:
    checks = check(raw, peer="198.51.0.99")
    assert all(signature.result != "pass" for signature in checks.dkim)
    assert not checks.is_authenticated


def test_a_small_key_does_not_authenticate() -> None:
    checks = check(sign(letter(), selector="small", key=SMALL_KEY), peer="198.51.0.99")
    assert [signature.result for signature in checks.dkim] == ["policy"]
    assert not checks.is_authenticated


def test_only_the_first_signatures_are_looked_at() -> None:
    raw = letter()
    for _ in range(8):
        raw = sign(raw)
    assert len(check(raw).dkim) == 5


def test_a_body_that_keeps_a_verifier_busy_costs_the_mail_its_checks_only() -> None:
    # Relaxed canonicalization by regular expression takes time quadratic in a run of blanks.
    raw = sign(letter(), canonicalize=(b"relaxed", b"relaxed")) + b" " * 900_000 + b"x\r\n"
    started = time.monotonic()
    checks = check(raw)
    assert time.monotonic() - started < 2 * LONG  # left alone it takes hours
    assert (checks.spf, checks.dmarc, checks.is_authenticated) == ("temperror", "temperror", False)
    assert parser_process.parse(letter(subject="Next")).subject == "Next"


def test_a_record_that_leads_in_circles_is_an_error_of_its_owner() -> None:
    assert check(letter(), sender="x@endless.example").spf == "permerror"


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "::1", "", "no address"])
def test_a_neighbor_has_no_spf(peer: str) -> None:
    assert check(letter(), peer=peer).spf == "none"


def test_a_null_sender_is_checked_by_its_greeting() -> None:
    assert check(letter(), sender="", helo=DOMAIN).spf_domain == DOMAIN


def test_a_slow_name_server_costs_no_more_than_the_budget(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_lookups, "BUDGET_SECONDS", 0.5)
    with name_server(ZONE, delay=LONG) as server:
        settings.DNS_RESOLVERS = [server]
        started = time.monotonic()
        checks = check(sign(letter()))
        assert time.monotonic() - started < LONG / 2
    assert (checks.spf, checks.dmarc) == ("temperror", "temperror")
    assert checks.dkim[0].result == "temperror"


class Meeting(Mapping[tuple[str, str], list[str]]):
    """Policies of which nobody is told any before all of them were asked for."""

    def __init__(self, domains: Sequence[str]) -> None:
        self._policies = {(f"_dmarc.{domain}", "TXT"): ["v=DMARC1; p=none"] for domain in domains}
        self._asked: set[tuple[str, str]] = set()
        self._are_all_here = threading.Event()

    def __getitem__(self, question: tuple[str, str]) -> list[str]:
        values = self._policies[question]
        self._asked.add(question)
        if len(self._asked) == len(self._policies):
            self._are_all_here.set()
        self._are_all_here.wait(LONG)
        return values

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)


def test_mails_do_not_wait_for_each_others_name_servers(settings: Settings) -> None:
    senders = [f"kim{number}.example" for number in range(8)]
    with name_server(Meeting(senders)) as server:
        settings.DNS_RESOLVERS = [server]
        raws = [letter(sender=f"kim@{domain}") for domain in senders]
        rows = [RawMessage(raw=raw, peer="", helo="", envelope_sender="") for raw in raws]
        results = sender_checks.check_all(list(zip(rows, parser_process.parse_all(raws), strict=True)))
    assert [(checks.dmarc, checks.dmarc_policy) for checks in results] == [("fail", "none")] * 8


def test_a_child_that_asks_for_ever_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def endless(questions: list[parser_process.Authentication]) -> object:
        asked.append(questions)
        return [(None, ((f"{len(asked)}.example", "TXT"),)) for _ in questions]

    monkeypatch.setattr(parser_process, "authenticate_all", endless)
    assert check(letter()).spf == "temperror"
    assert len(asked) <= sender_checks.MAX_ROUNDS


def test_nobody_waits_twice_when_no_resolver_answers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DNS_RESOLVERS = ["127.0.0.1:9"]
    monkeypatch.setattr(dns_lookups, "PROBE_SECONDS", 0.3)
    waits: list[bool] = []
    probe = dns_lookups._probe

    def noted() -> bool:
        waits.append(probe())
        return waits[-1]

    monkeypatch.setattr(dns_lookups, "_probe", noted)
    assert [check(letter()).spf for _ in range(2)] == ["temperror"] * 2
    assert waits == [False]


def test_nothing_is_asked_when_the_checks_are_off(settings: Settings) -> None:
    settings.DNS_RESOLVERS = ["off"]
    assert check(sign(letter())) == Checks()


@pytest.mark.django_db
def test_the_results_are_shown_with_the_message_under_our_name(settings: Settings) -> None:
    alice = builders.tenant()
    raw = sign(letter("Authentication-Results: mail.agents.example; dmarc=pass"))
    message = arrive(alice.mailbox, raw)
    assert message.headers["Authentication-Results"] == (
        "mail.agents.example; spf=none smtp.mailfrom=; dkim=pass header.d=friends.example header.s=s1; dmarc=pass"
    ).replace(" smtp.mailfrom=", "")
    assert message.sender_checks["dkim"] == [{"result": "pass", "domain": DOMAIN, "selector": "s1"}]
    assert message.sender_checks["is_authenticated"] is True


def test_a_domain_in_our_header_can_not_write_more_of_it() -> None:
    forged = replace(Checks(), spf="pass", spf_domain="x; dkim=pass\r\nX: y")
    assert (
        sender_checks.results_header(forged)
        == "mail.agents.example; spf=pass smtp.mailfrom=xdkim=passX:y; dkim=none; dmarc=none"
    )
