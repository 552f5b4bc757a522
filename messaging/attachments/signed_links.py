"""Links to a file that need no key: the id of the attachment and the end of the link's time, signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer

from mailboxes.errors import Gone, NotFound
from messaging.models import Attachment


def url_of(attachment: Attachment, *, now: datetime) -> str:
    """A link to the content, good for FILE_LINK_HOURS. Whoever has it may read the file: it is a secret."""
    until = now + timedelta(hours=settings.FILE_LINK_HOURS)
    token = _signer().sign(f"{attachment.pk.hex}.{int(until.timestamp())}")
    return f"{settings.PUBLIC_URL}/files/{token}/{quote(attachment.filename, safe='')}"


def attachment_id(token: str, *, now: datetime) -> UUID:
    """Whose content the token opens. Raises NotFound when it is not ours, Gone when its time is over."""
    try:
        named, until = _signer().unsign(token).split(".")
    except (BadSignature, ValueError) as error:
        raise unknown() from error
    found = UUID(hex=named)
    if now >= datetime.fromtimestamp(int(until), UTC):
        raise Gone(
            "This link to a file has expired.",
            code="link_expired",
            fix=f"Ask GET /v1/attachments/{found} with your key: it gives a fresh link.",
            attachmentId=str(found),
        )
    return found


def unknown() -> NotFound:
    """What is said of a link that opens nothing."""
    problem = NotFound("file")
    problem.sentence = "There is no such file, or no longer."
    problem.fix = "Ask GET /v1/attachments/{id} with your key for a link."
    return problem


def _signer() -> Signer:
    return Signer(sep=".", salt="messaging.attachments.links", algorithm="sha256")
