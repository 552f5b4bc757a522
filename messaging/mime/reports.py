"""Reports about our own mail: delivery status (RFC 3464) and abuse (RFC 5965). Read here, believed by a token only.

The envelope recipient of a report, where the token should stand, is not in the octets: intake reads it. What the
returned original shows of our return path stands in `Report.token`.
"""

from __future__ import annotations

import email
import logging
import re
from collections.abc import Iterable

from flufl.bounce import scan_message

from messaging.mime import header_block
from messaging.mime.addresses import canonical
from messaging.mime.characters import one_line
from messaging.mime.conversation import message_ids
from messaging.mime.defects import Defect
from messaging.mime.header_block import HeaderBlock
from messaging.mime.refusals import AddressRefused
from messaging.mime.return_path import find_token
from messaging.mime.structure import Part, Structure
from messaging.mime.types import Report, ReportKind

MAX_RECIPIENTS = 100
_MAX_BLOCKS = 200
_MAX_REPORT = 256 * 1024
_MAX_GUESSED = 64 * 1024  # beyond this the detectors take seconds
_MAX_DIAGNOSTIC = 1_000

# The gravest outcome in a report of several names the report.
_ACTIONS = {
    "failed": ReportKind.BOUNCE,
    "delayed": ReportKind.DELAY,
    "delivered": ReportKind.DELIVERED,
    "relayed": ReportKind.DELIVERED,
    "expanded": ReportKind.DELIVERED,
}
_GRAVITY = (ReportKind.BOUNCE, ReportKind.DELAY, ReportKind.DELIVERED)
_NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc", "opt-in"})
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_POSTMASTER = re.compile(r"(?:mailer-daemon|postmaster|mail delivery (?:sub)?system)", re.IGNORECASE)
_BLANK = re.compile(rb"\n\s*\n")

# The detectors log a traceback for every mail they stumble over: anybody could fill our logs from outside.
logging.getLogger("flufl.bounce").disabled = True


def read(structure: Structure) -> Report | None:
    """The report this mail is, or None. A guess by its wording never carries a token, so nothing may follow from it."""
    leaves = {part.content_type: part for part in reversed(structure.leaves)}
    if status := leaves.get("message/delivery-status") or leaves.get("message/global-delivery-status"):
        return _delivery_status(structure, status)
    if feedback := leaves.get("message/feedback-report"):
        return _abuse(structure, feedback)
    return _guess(structure)


def _delivery_status(structure: Structure, part: Part) -> Report | None:
    """RFC 3464: one block about the message, then one for each recipient."""
    blocks = [block for block in _blocks(structure, part) if block.first("action")]
    outcomes = [(_ACTIONS.get(_word(block.first("action"))), block) for block in blocks]
    kind = next((kind for kind in _GRAVITY if any(found is kind for found, _ in outcomes)), None)
    if kind is None:
        return None
    about = [block for found, block in outcomes if found is kind]
    status = _STATUS.search(about[0].first("status") or "")
    original = _original(structure)
    return Report(
        kind=kind,
        recipients=_recipients(block.first("final-recipient") or block.first("original-recipient") for block in about),
        status=status.group() if status else "",
        diagnostic=one_line(about[0].first("diagnostic-code") or "")[:_MAX_DIAGNOSTIC],
        original_message_id=_message_id(original),
        token=_token([original.first("return-path")] if original else []),
    )


def _abuse(structure: Structure, part: Part) -> Report | None:
    """RFC 5965: one block, then the mail complained about."""
    block = next(iter(_blocks(structure, part)), None)
    if block is None or _word(block.first("feedback-type")) in _NO_COMPLAINT:
        return None
    original = _original(structure)
    return Report(
        kind=ReportKind.COMPLAINT,
        recipients=_recipients(block.every("original-rcpt-to")),
        diagnostic=one_line(block.first("feedback-type") or "")[:_MAX_DIAGNOSTIC],
        original_message_id=_message_id(original),
        token=_token([block.first("original-mail-from"), original.first("return-path") if original else None]),
    )


def _guess(structure: Structure) -> Report | None:
    """For the programs that write bounces in prose."""
    if len(structure.raw) > _MAX_GUESSED or Defect.LIMITS in structure.defects:
        return None
    if not _POSTMASTER.search(structure.root.headers.first("from") or ""):
        return None
    try:
        found = scan_message(email.message_from_bytes(structure.raw))
    except Exception:  # the detectors, and the parser under them, trust their input
        return None
    recipients = _recipients(address.decode("utf-8", "replace") for address in found)
    return Report(kind=ReportKind.BOUNCE, recipients=recipients) if recipients else None


def _blocks(structure: Structure, part: Part) -> list[HeaderBlock]:
    content = structure.octets(part)[:_MAX_REPORT].replace(b"\r\n", b"\n")
    pieces = [piece for piece in _BLANK.split(content.strip(b"\n"), _MAX_BLOCKS) if piece.strip()]
    return [header_block.read(piece, 0, len(piece)) for piece in pieces]


def _original(structure: Structure) -> HeaderBlock | None:
    """The headers of the mail that is returned or complained about."""
    for part in structure.leaves:
        if part.content_type in {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"}:
            content = structure.octets(part)[:_MAX_REPORT].lstrip(b"\r\n")
            return header_block.read(content, 0, len(content))
    return None


def _recipients(values: Iterable[str | None]) -> tuple[str, ...]:
    """Canonical addresses, each once; "rfc822;" before them is taken off, what is no address is left out."""
    found: dict[str, None] = {}
    for value in values:
        address = (value or "").rpartition(";")[2].strip().strip("<>")
        try:
            found[canonical(address)] = None
        except AddressRefused:
            continue
        if len(found) == MAX_RECIPIENTS:
            break
    return tuple(found)


def _word(value: str | None) -> str:
    return (value or "").partition("(")[0].strip().lower()


def _message_id(original: HeaderBlock | None) -> str | None:
    return next(iter(message_ids(original.first("message-id"))), None) if original else None


def _token(return_paths: Iterable[str | None]) -> str | None:
    return next((token for value in return_paths if value and (token := find_token(value))), None)
