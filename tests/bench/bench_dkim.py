"""DKIM signing of a 2 KB mail beside the bare RSA-2048 operation, in one run (performance, P6: at least 0.7 of it)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from messaging.mime import dkim_signature

REPEATS = 5
CALLS = 300
RAW = (
    b"From: a@agents.example\r\nTo: b@friends.example\r\nSubject: Hello\r\nDate: Sat, 21 Nov 2026 00:00:00 +0000\r\n"
    b"Message-ID: <1@agents.example>\r\nMIME-Version: 1.0\r\n\r\n" + b"Good day to you, and thank you.\r\n" * 60
)


def rate(call: Callable[[], object]) -> float:
    """Calls a second of CPU time, the median of five runs."""
    runs = []
    for _ in range(REPEATS):
        begun = time.process_time()
        for _ in range(CALLS):
            call()
        runs.append(CALLS / (time.process_time() - begun))
    return statistics.median(runs)


def test_signing_beside_the_bare_operation() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    bare = rate(lambda: key.sign(b"x" * 200, padding.PKCS1v15(), hashes.SHA256()))
    signed = rate(lambda: dkim_signature.sign(RAW, domain="agents.example", selector="gp1", private_key=key))
    pair: list[tuple[str, rsa.RSAPrivateKey | Ed25519PrivateKey]] = [
        ("gp1", key),
        ("gp1e", Ed25519PrivateKey.generate()),
    ]
    both = rate(lambda: dkim_signature.sign_all(RAW, domain="agents.example", keys=pair))
    print(f"\nwith the Ed25519 signature beside it {both:,.0f}/s")
    print(f"\nbare RSA-2048 {bare:,.0f}/s, signed mails {signed:,.0f}/s, ratio {signed / bare:.2f}")
