"""Every signature verifies with an independent library, and no change to the mail does (reliability F12, I35)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import UUID

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.mime.build import build, check_wire
from messaging.mime.dkim_signature import sign
from messaging.mime.types import Address, Draft

RSA_KEY = generate_private_key(public_exponent=65537, key_size=2048)
ED25519_KEY = Ed25519PrivateKey.generate()
KEYS = [pytest.param(RSA_KEY, id="rsa"), pytest.param(ED25519_KEY, id="ed25519")]
SigningKey = RSAPrivateKey | Ed25519PrivateKey


def wire(
    *, subject: str = "Hello", text: str = "Hi\n", html: str | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> bytes:
    draft = Draft(
        mailbox_id=UUID(int=1),
        to=("bob@b.example",),
        cc=("cora@c.example",),
        subject=subject,
        body_text=text,
        body_html=html,
        headers=headers,
    )
    return build(
        draft,
        header_from=Address("alice@agents.example", "Alice"),
        message_id="<1@agents.example>",
        date=datetime(2026, 5, 1, tzinfo=UTC),
        references=("<a@b.example>",),
    )


def signed(raw: bytes, key: SigningKey = RSA_KEY) -> bytes:
    return sign(raw, domain="agents.example", selector="s1", private_key=key) + raw


def verifies(raw: bytes, key: SigningKey = RSA_KEY) -> bool:
    public = key.public_key()
    if isinstance(key, RSAPrivateKey):
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)
    else:
        plain = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        record = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(plain)

    def look_up(name: bytes | str, timeout: int = 5) -> bytes:
        asked = name if isinstance(name, bytes) else name.encode()
        assert asked == b"s1._domainkey.agents.example."
        return record

    return bool(dkim.verify(raw, dnsfunc=look_up))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "raw",
    [
        wire(),
        wire(subject="Gr\u00fc\u00dfe " * 40, text="\u00fc" * 500, html="<p>\u00fc</p>" * 90),
        wire(text="trailing\n\n\n\n"),
        wire(text="\n"),
        wire(headers=(("X-A", "1"), ("X-B", "two  spaces"), ("List-Unsubscribe", "<https://u.example/1>"))),
    ],
)
def test_a_signature_verifies(raw: bytes, key: SigningKey) -> None:
    mail = signed(raw, key)
    check_wire(mail)
    assert mail.endswith(raw)
    assert max(map(len, mail.removesuffix(raw).split(b"\r\n"))) <= 78
    assert verifies(mail, key)


@given(
    subject=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=80),
    text=st.text(max_size=200),
)
@settings(deadline=None, max_examples=60)
def test_a_signature_verifies_whatever_is_written(subject: str, text: str) -> None:
    if not subject.strip():
        return
    safe_text = "x" + "".join(
        character for character in text if character != "\x00" and not "\ud800" <= character <= "\udfff"
    )
    assert verifies(signed(wire(subject=subject, text=safe_text), ED25519_KEY), ED25519_KEY)


def test_the_same_bytes_get_the_same_signature() -> None:
    assert signed(wire()) == signed(wire())


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"DKIM-Signature:", b"Subject: Changed\r\nDKIM-Signature:"),  # F12: a second Subject in front
        (b"MIME-Version:", b"Content-Type: text/html\r\nMIME-Version:"),  # F12: an added Content-Type
        (b"Hi\r\n", b"Hi\r\n<p>appended</p>\r\n"),  # F12: more body, as with l=
        (b"Message-ID:", b"Reply-To: evil@evil.example\r\nMessage-ID:"),  # F12: a header that was absent
        (b"Message-ID:", b"From: ceo@victim.example\r\nMessage-ID:"),
        (b"Message-ID:", b"List-Unsubscribe: <https://evil.example>\r\nMessage-ID:"),
        (b"Subject: Hello", b"Subject: Hallo"),
        (b"To: bob@", b"To: rob@"),
        (b"X-A: 1", b"X-A: 2"),
        (b"<1@agents.example>", b"<2@agents.example>"),
        (b"Hi\r\n", b"Hi \r\n"),
        (b"d=agents.example", b"d=agents.exampl"),
    ],
)
def test_no_change_survives_the_signature(old: bytes, new: bytes, key: SigningKey) -> None:
    mail = signed(wire(headers=(("X-A", "1"),)), key)
    assert old in mail
    try:
        is_valid = verifies(mail.replace(old, new, 1), key)
    except AssertionError:  # another domain's key was asked for
        is_valid = False
    assert not is_valid


def test_what_a_relay_may_do_survives() -> None:
    mail = signed(wire())
    assert verifies(b"Received: by relay.example; Fri, 1 May 2026 00:00:00 +0000\r\n" + mail)
    assert verifies(mail.replace(b"Subject: Hello", b"subject:\r\n  Hello"))
    assert verifies(mail + b"\r\n\r\n")


def test_the_list_of_headers_is_oversigned_and_the_body_is_signed_whole() -> None:
    tags = dict(
        tag.strip().split(b"=", 1)
        for tag in sign(wire(), domain="a.example", selector="s", private_key=RSA_KEY).split(b":", 1)[1].split(b";")
    )
    names = tags[b"h"].replace(b"\r\n", b"").replace(b" ", b"").split(b":")
    assert (names.count(b"from"), names.count(b"subject"), names.count(b"sender")) == (2, 2, 1)
    assert b"l" not in tags


@pytest.mark.parametrize(
    ("domain", "selector"), [("a.example; l=0", "s"), ("a.example", "s\r\nX: y"), ("", "s"), ("a.example", "")]
)
def test_a_domain_that_is_none_is_not_signed_for(domain: str, selector: str) -> None:
    with pytest.raises(ValueError, match="domain names"):
        sign(wire(), domain=domain, selector=selector, private_key=RSA_KEY)
