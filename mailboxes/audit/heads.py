"""Signed heads: how far each account's log had come, and with which hash, written outside of the database.

A log can be cut or rewritten by whoever owns the database; not so that it agrees with a head that was signed before.
One file a month in AUDIT_HEADS_DIR, one line of JSON for each round. Each line holds the hash of the line before and an
Ed25519 signature (RFC 8032) over its canonical JSON. The key is made of SECRET_KEY; `public_key` may be given away, and
whoever has it checks the files without the database. Copy them, or the log lines `audit.heads_signed`, to where this
server can't write.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from mailboxes import statements
from mailboxes.events import canonical, moment_text

log = structlog.get_logger(__name__)

COUNTERS = "SELECT account_id::text, last_seq, last_hash FROM mailboxes_eventcounter WHERE last_seq > 0"
UNSIGNED = """
SELECT min(e.created_at) FROM mailboxes_eventcounter c
LEFT JOIN unnest(%(accounts)s::uuid[], %(seqs)s::bigint[]) AS known(account, seq) ON known.account = c.account_id
JOIN mailboxes_event e ON e.account_id = c.account_id AND e.seq = coalesce(known.seq, 0) + 1
"""
NONE_BEFORE = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One round: account id → (sequence, hash). `fault` says why it can't be believed, "" if it can.

    `is_restart`: an operator confirmed a restored database; heads from before it that are further than its own are of
    events that the restored database never had.
    """

    place: str
    at: str
    heads: Mapping[str, tuple[int, str]]
    is_restart: bool
    fault: str = ""


def sign_moved(*, now: datetime) -> int:
    """Write the heads that have moved since the last line; how many. Nothing is written where none has."""
    with _locked(now) as file:
        known = _newest(_lines([file])) if file.exists() else {}  # a month begins with all heads
        moved = {account: head for account, head in _counters().items() if head != known.get(account)}
        # A head that went back is no news: it is what the lines before are there to find.
        moved = {account: head for account, head in moved.items() if head[0] > known.get(account, (0, ""))[0]}
        if moved:
            _append(file, {"at": moment_text(now), "heads": moved})
    return len(moved)


def sign_restart(*, now: datetime) -> None:
    """Write all heads as they stand after an operator confirmed a restored database."""
    with _locked(now) as file:
        _append(file, {"at": moment_text(now), "heads": _counters(), "restart": True})


def read() -> Iterator[Line]:
    """Every line, oldest first, each checked against its signature and the line before."""
    return _lines(_files())


def public_key() -> str:
    """The key to check signatures with: 32 bytes, base64."""
    return base64.b64encode(_private_key().public_key().public_bytes_raw()).decode()


def newest_at() -> datetime | None:
    """When heads were signed last, as the newest line of ours says."""
    signed = [line.at for line in _lines(_files()[-1:]) if not line.fault]
    return datetime.fromisoformat(signed[-1]) if signed else None


def unsigned_since() -> datetime | None:
    """When the oldest event happened that no head covers yet; None when all are covered."""
    known = _newest(_lines(_files()[-1:]))
    named = {"accounts": [UUID(account) for account in known], "seqs": [seq for seq, _ in known.values()]}
    ((moment,),) = statements.run(UNSIGNED, named)
    return moment if isinstance(moment, datetime) else None


def _lines(files: Sequence[Path]) -> Iterator[Line]:
    before: str | None = NONE_BEFORE if list(files) == _files() else None
    for path in files:
        with path.open() as file:
            for number, text in enumerate(file, 1):
                yield _read(f"{path.name}:{number}", text.rstrip("\n"), before)
                before = _digest(text.rstrip("\n"))


def _newest(lines: Iterator[Line]) -> dict[str, tuple[int, str]]:
    newest: dict[str, tuple[int, str]] = {}
    for line in lines:
        newest = {} if line.is_restart else newest
        newest.update(line.heads)
    return newest


def _counters() -> dict[str, tuple[int, str]]:
    return {account: (seq, chain_hash) for account, seq, chain_hash in statements.run(COUNTERS, {})}


def _append(file: Path, said: dict[str, Any]) -> None:
    last = _last_line()
    said["previous"] = _digest(last) if last else NONE_BEFORE
    said["signature"] = base64.b64encode(_private_key().sign(canonical(said).encode())).decode()
    text = canonical(said)
    with file.open("a") as out:
        out.write(f"{text}\n")
    log.info("audit.heads_signed", accounts=len(said["heads"]), line=_digest(text), file=file.name)


def _read(place: str, text: str, before: str | None) -> Line:
    try:
        said = json.loads(text)
        signature = base64.b64decode(said.pop("signature"), validate=True)
        heads = {account: (int(seq), str(chain_hash)) for account, (seq, chain_hash) in said["heads"].items()}
        line = Line(place, str(said["at"]), heads, bool(said.get("restart")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Line(place, "", {}, is_restart=False, fault="it is not a line of ours")
    try:
        _private_key().public_key().verify(signature, canonical(said).encode())
    except InvalidSignature:
        return Line(place, line.at, {}, is_restart=False, fault="its signature is not by this server's SECRET_KEY")
    if before is not None and said.get("previous") != before:
        return Line(place, line.at, heads, line.is_restart, fault="the line before it is missing or was changed")
    return line


def _last_line() -> str:
    for path in reversed(_files()):
        lines = path.read_text().splitlines()
        if lines:
            return lines[-1]
    return ""


def _files() -> list[Path]:
    return sorted(Path(settings.AUDIT_HEADS_DIR).glob("heads-*.jsonl"))


@contextmanager
def _locked(now: datetime) -> Iterator[Path]:
    """The file of the month, while nobody else writes one."""
    folder = Path(settings.AUDIT_HEADS_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / f"heads-{now:%Y-%m}.jsonl"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _private_key() -> Ed25519PrivateKey:
    derived = HKDF(hashes.SHA256(), length=32, salt=None, info=b"gatepost audit heads")
    return Ed25519PrivateKey.from_private_bytes(derived.derive(settings.SECRET_KEY.encode()))
