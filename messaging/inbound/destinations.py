"""Where a mail for an address of ours goes, and whose copy a return path is about."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mailboxes import addresses
from mailboxes.addresses import Destination
from messaging import return_paths
from messaging.mime import return_path


def find(address: str) -> Destination | None:
    """The destination of an envelope recipient; None for an unknown one, which is refused at RCPT.

    Whatever looks like a return path of ours is taken, proved or not: a late bounce is stored, though nothing follows.
    """
    if return_path.find_token(address) is not None and addresses.takes_bounces(address.rpartition("@")[2]):
        return Destination()
    return addresses.find(address)


def feedback_about(address: str, *, now: datetime) -> UUID | None:
    """The recipient whose copy bounces to this address, if we made it and it has not expired."""
    recipient_id = return_paths.recipient_behind(address, now=now)
    return recipient_id if recipient_id and addresses.takes_bounces(address.rpartition("@")[2]) else None
