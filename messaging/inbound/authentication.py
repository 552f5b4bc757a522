"""SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489) of one received mail.

Runs in the parser's child process: the mail, and what the sender's DNS says, may be made to keep a verifier busy. Knows
no DNS itself: `lookup` has the answers, and notes what is missing.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from dataclasses import dataclass
from typing import Any

import dkim
import spf
from publicsuffixlist import PublicSuffixList

from .checks import FAIL, NONE, PASS, PERMERROR, POLICY, TEMPERROR, Answers, Checks, Sender, Signature

MAX_SIGNATURES = 5
MAX_SIGNATURE_OCTETS = 16 * 1024
MIN_KEY_BITS = 1024

SPF_RESULTS = frozenset({PASS, FAIL, NONE, "neutral", "softfail", TEMPERROR, PERMERROR})

_suffixes = PublicSuffixList()
_silent = logging.getLogger("gatepost.dkim")
_silent.disabled = True


@dataclass(frozen=True, slots=True)
class _DmarcRecord:
    policy: str
    is_strict_spf: bool
    is_strict_dkim: bool


def authenticate(raw: bytes, sender: Sender, *, lookup: Answers) -> Checks:
    """All three checks. Whatever goes wrong in one is a result of that one."""
    spf_result, spf_domain = _check_spf(sender, lookup)
    author = sender.header_from.rpartition("@")[2].lower() if sender.header_from is not None else None
    record, is_answered = _dmarc_record(author, lookup) if author is not None else (None, True)
    signatures = _check_dkim(raw, has_one_author=author is not None, lookup=lookup)
    if author is None:
        return Checks(spf=spf_result, spf_domain=spf_domain, dkim=signatures)
    spf_aligned = spf_result == PASS and _aligned(spf_domain, author, is_strict=bool(record and record.is_strict_spf))
    dkim_aligned = any(
        signature.result == PASS
        and _aligned(signature.domain, author, is_strict=bool(record and record.is_strict_dkim))
        for signature in signatures
    )
    is_aligned = spf_aligned or dkim_aligned
    is_unsure = TEMPERROR in (spf_result, *(signature.result for signature in signatures))
    return Checks(
        spf=spf_result,
        spf_domain=spf_domain,
        dkim=signatures,
        dmarc=_dmarc_result(record, is_answered=is_answered, is_aligned=is_aligned, is_unsure=is_unsure),
        dmarc_policy=record.policy if record else "",
        is_authenticated=is_aligned,
    )


def _check_spf(sender: Sender, lookup: Answers) -> tuple[str, str]:
    try:
        peer = ipaddress.ip_address(sender.peer)
    except ValueError:
        return NONE, ""
    if not peer.is_global:  # handed over by a neighbor or by ourselves: no domain publishes such addresses
        return NONE, ""

    def answer(name: str, kind: str, strict: object = True, timeout: object = None) -> list[Any]:
        records = lookup(name, kind)
        if records is None:
            raise spf.TempError("no answer")
        return [((name, kind), (record,) if kind in ("TXT", "SPF") else record) for record in records]

    spf.DNSLookup = answer  # the library's own seam; one mail at a time in this process
    try:
        query = spf.query(i=sender.peer, s=sender.envelope_sender, h=sender.helo)
        result = query.check()[0]
    except Exception:  # a record or a name that the library does not expect
        return PERMERROR, ""
    return (result if result in SPF_RESULTS else PERMERROR), str(query.o).lower()


def _check_dkim(raw: bytes, *, has_one_author: bool, lookup: Answers) -> tuple[Signature, ...]:
    if lookup.missing and any("._domainkey." in name for name, _ in lookup.known):
        return ()  # neither the round that noted the keys, nor the last
    try:
        verifier = dkim.DKIM(raw, logger=_silent, minkey=MIN_KEY_BITS)
    except dkim.DKIMException:
        return ()
    values = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    return tuple(
        _check_signature(verifier, index, value, has_one_author=has_one_author, lookup=lookup)
        for index, value in enumerate(values[:MAX_SIGNATURES])
    )


def _check_signature(verifier: Any, index: int, value: bytes, *, has_one_author: bool, lookup: Answers) -> Signature:
    if len(value) > MAX_SIGNATURE_OCTETS:
        return Signature(POLICY)
    keys: list[bytes | None] = []

    def key(name: bytes, timeout: object = None) -> bytes | None:
        records = lookup(name.decode("ascii", "replace").rstrip("."), "TXT")
        if lookup.missing:  # the checks will run again: a large mail is verified in the last round only
            return None
        keys.append(None if records is None else records[0] if records else b"")
        return keys[-1]

    verifier.domain, verifier.selector, verifier.signature_fields = None, "", {}
    try:
        is_valid = verifier.verify(idx=index, dnsfunc=key)
    except dkim.KeyFormatError:
        result = POLICY  # a key too small, or not a key
    except dkim.ValidationError:
        result = FAIL
    except Exception:  # fields that the library refuses, or does not expect
        result = PERMERROR
    else:
        result = PASS if is_valid else TEMPERROR if keys == [None] else PERMERROR if keys == [b""] else FAIL
    if result == PASS and not (has_one_author and _is_reliable(verifier)):
        result = POLICY
    return Signature(result, _text(verifier.domain), _text(verifier.selector))


def _is_reliable(verifier: Any) -> bool:
    """False where a valid signature leaves room for an author or a body that was not signed (F12, A28)."""
    fields = verifier.signature_fields
    names = [name.strip().lower() for name in fields.get(b"h", b"").split(b":")]
    authors = [name for name, _ in verifier.headers if name.lower() == b"from"]
    return b"l" not in fields and fields.get(b"a") != b"rsa-sha1" and b"from" in names and len(authors) == 1


def _dmarc_record(domain: str, lookup: Answers) -> tuple[_DmarcRecord | None, bool]:
    """The record that applies to the domain, and whether the DNS answered."""
    names = dict.fromkeys((domain, _organization(domain) or domain))
    for name, records in [(name, lookup(f"_dmarc.{name}", "TXT")) for name in names]:
        if records is None:
            return None, False
        found = [text for text in map(_text, records) if re.match(r"v\s*=\s*dmarc1\s*(;|$)", text)]
        if len(found) == 1:
            return _read_dmarc(found[0], is_inherited=name != domain), True
    return None, True


def _read_dmarc(text: str, *, is_inherited: bool) -> _DmarcRecord:
    pairs = (tag.partition("=") for tag in text.split(";"))
    tags = {name.strip(): value.strip() for name, _, value in pairs}
    policy = tags.get("p", NONE)
    if is_inherited:
        policy = tags.get("sp", policy)
    return _DmarcRecord(
        policy=policy if policy in ("quarantine", "reject") else NONE,
        is_strict_spf=tags.get("aspf") == "s",
        is_strict_dkim=tags.get("adkim") == "s",
    )


def _dmarc_result(record: _DmarcRecord | None, *, is_answered: bool, is_aligned: bool, is_unsure: bool) -> str:
    if record is None:
        return NONE if is_answered else TEMPERROR
    if is_aligned:
        return PASS
    return TEMPERROR if is_unsure else FAIL


def _aligned(domain: str, author: str, *, is_strict: bool) -> bool:
    if not domain or not author:
        return False
    if is_strict:
        return domain == author
    organization = _organization(author)
    return domain == author or (organization is not None and organization == _organization(domain))


def _organization(domain: str) -> str | None:
    """The registered domain above `domain`; None for a public suffix."""
    return _suffixes.privatesuffix(domain)


def _text(value: Any) -> str:
    return value.decode("ascii", "replace").lower() if isinstance(value, bytes) else str(value or "").lower()
