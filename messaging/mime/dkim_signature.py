"""The DKIM signature of a message (RFC 6376, RFC 8463): `c=relaxed/simple`, an oversigned header list, never `l=`.

By hand, since the known library signs with RSA in pure Python, twenty times slower, and oversigns From only: a second
Subject put in front would still verify (reliability F12). The tests let that library verify every signature.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# Named once more than present, absent ones too: nobody can add one of these without breaking the signature.
_OVERSIGNED = (
    *("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding", "content-disposition", "auto-submitted"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)\r\n")
_SPACE = re.compile(rb"[ \t]+")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.IGNORECASE)
_LINE = 72

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


def sign(raw: bytes, *, domain: str, selector: str, private_key: PrivateKey) -> bytes:
    """As `sign_all`, with one key."""
    return sign_all(raw, domain=domain, keys=[(selector, private_key)])


def sign_all(raw: bytes, *, domain: str, keys: Sequence[tuple[str, PrivateKey]]) -> bytes:
    """The DKIM-Signature fields of these wire bytes, one for each selector and key, with CRLF, to be put in front of
    them. Deterministic. None of them covers another: each verifies, or not, by itself.

    The keys are objects that the caller keeps: loading one costs more than signing.
    """
    if not all(_NAME.fullmatch(name) for name in (domain, *(selector for selector, _ in keys))):
        raise ValueError("domain and selector must be plain domain names")
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = [(name.lower(), value) for name, value in _FIELD.findall(head + b"\r\n")]
    names = _signed_names([name for name, _ in fields])
    content = _Content(
        domain=domain,
        names=_joined(names),
        head=b"".join(_relaxed(name, value) for name, value in _picked(fields, names)),
        body_hash=base64.b64encode(hashlib.sha256(_simple(body)).digest()),
    )
    return b"".join(_signed_field(content, selector, key) for selector, key in keys)


@dataclass(frozen=True, slots=True)
class _Content:
    """What all signatures of a mail have in common."""

    domain: str
    names: bytes
    head: bytes
    body_hash: bytes


def _signed_field(content: _Content, selector: str, private_key: PrivateKey) -> bytes:
    field = _unsigned_field(content, selector, private_key)
    digest_of = content.head + _relaxed(b"dkim-signature", field.partition(b":")[2]).removesuffix(b"\r\n")
    return field + _folded(base64.b64encode(_signature(private_key, digest_of))) + b"\r\n"


def _signed_names(present: list[bytes]) -> list[bytes]:
    """Each listed name once more than it occurs; every custom header as often as it occurs."""
    counts = Counter(present)
    names = [name.encode("ascii") for name in _OVERSIGNED for _ in range(counts[name.encode("ascii")] + 1)]
    return names + [name for name in present if name.startswith(b"x-")]


def _picked(fields: list[tuple[bytes, bytes]], names: list[bytes]) -> list[tuple[bytes, bytes]]:
    """The fields that `h=` names, the last of each name first; a name too many stands for nothing (section 5.4.2)."""
    waiting: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        waiting.setdefault(name, []).append(value)
    return [(name, waiting[name].pop()) for name in names if waiting.get(name)]


def _unsigned_field(content: _Content, selector: str, private_key: PrivateKey) -> bytes:
    """The field up to and with "b="."""
    algorithm = b"rsa-sha256" if isinstance(private_key, RSAPrivateKey) else b"ed25519-sha256"
    return b"".join(
        [
            b"DKIM-Signature: v=1; a=" + algorithm + b"; c=relaxed/simple;\r\n",
            b" d=" + content.domain.encode("ascii") + b"; s=" + selector.encode("ascii") + b";\r\n",
            b" h=" + content.names + b";\r\n",
            b" bh=" + content.body_hash + b";\r\n",
            b" b=",
        ]
    )


def _simple(body: bytes) -> bytes:
    """Section 3.4.3: no empty lines at the end, one CRLF."""
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n"


def _relaxed(name: bytes, value: bytes) -> bytes:
    """Section 3.4.2: name in lower case, unfolded, runs of space as one."""
    return name + b":" + _SPACE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ") + b"\r\n"


def _signature(private_key: PrivateKey, content: bytes) -> bytes:
    if isinstance(private_key, RSAPrivateKey):
        return private_key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    return private_key.sign(hashlib.sha256(content).digest())  # RFC 8463 section 3


def _joined(names: list[bytes]) -> bytes:
    """ "a:b:c", folded after colons."""
    lines = [b""]
    for name in names:
        if len(lines[-1]) + len(name) > _LINE:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n  ".join(lines).removesuffix(b":")


def _folded(text: bytes) -> bytes:
    return b"\r\n  ".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))
