"""Files for tests: uploaded as an agent does it, and looked at in the storage's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailboxes import clock, quotas
from mailboxes.models import LimitKind
from messaging.attachments import incoming, uploads
from messaging.attachments.incoming import Incoming
from messaging.models import Attachment

from .api_client import Answer, Api
from .builders import Tenant

BOUNDARY = "a-boundary-of-ours"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def part(content: bytes, *, name: str = "file", filename: str | None = "plan.pdf", kind: str = "") -> bytes:
    """One part of a multipart body."""
    named = f'; filename="{filename}"' if filename is not None else ""
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{typed}\r\n'
    return head.encode() + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(api: Api, content: bytes = b"hello", *, key: str | None = None, **fields: Any) -> Answer:
    """The answer to an upload of one file."""
    headers = {"Idempotency_Key": key} if key else {}
    return api.send("POST", "/attachments", body(part(content, **fields)), Content_Type=MULTIPART, **headers)


def upload(owner: Tenant, content: bytes = b"hello", *, filename: str = "plan.pdf", kind: str = "") -> Attachment:
    """An upload by the verb, past the API."""
    with taken_in(content, filename=filename, kind=kind) as file:
        return uploads.upload(owner.account, file, now=clock.now())


@contextmanager
def taken_in(content: bytes, *, filename: str = "plan.pdf", kind: str = "") -> Iterator[Incoming]:
    """A file on its way in."""
    file = incoming.of(content, filename=filename, content_type=kind, limit=1024**2)
    try:
        yield file
    finally:
        file.close()


def used(owner: Tenant) -> int:
    """What the account's storage counts."""
    told = quotas.used([owner.account.pk], LimitKind.STORAGE_BYTES, now=clock.now())
    return told.get(owner.account.pk, 0)


def objects(folder: Path) -> list[str]:
    """The SHA-256 of every object in the folder, by content."""
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
