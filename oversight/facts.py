"""What the policy needs to know of a message, gathered once."""

from __future__ import annotations

from collections.abc import Iterable

from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode
from messaging.models import Message

from .policy.types import Facts, File, Provenance


def gather(message: Message, *, mailbox: Mailbox, mode: OversightMode, files: Iterable[File] = ()) -> Facts:
    """The facts of an accepted message. `mode` is the one that applies: the mailbox's, or a stricter one asked for."""
    return Facts(
        mode=mode,
        mailbox_mode=OversightMode(mailbox.mode),
        recipients=(*message.to_addresses, *message.cc_addresses, *message.bcc_addresses),
        is_reply=message.in_reply_to is not None,
        reply_to=message.reply_to,
        files=tuple(files),
        is_platform_mail=mailbox.account.is_platform,
        provenance=Provenance(message.provenance or Provenance.UNKNOWN),
        trigger_id=str(message.trigger_id or ""),
        floor=mailbox.floor or "",
    )
