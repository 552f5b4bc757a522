"""What the policy needs to know of a message, gathered once: of a send before it is stored, of stored mail afterwards.

What costs nothing is always told, and so is our own key in the text (`secrets` then names `own_key` alone). Everything
else is read only where `needs` names its field of Facts; the others stay None.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode
from messaging.models import Message
from messaging.outbound.drafts import Composed
from oversight.policy.types import Facts, File

NOTHING: frozenset[str] = frozenset()


def gather(
    composed: Composed, *, mailbox: Mailbox, mode: OversightMode, needs: frozenset[str] = NOTHING, now: datetime
) -> Facts:
    """The facts of a message that is about to be stored. `mode` is the one that applies to it.

    Reads at most one statement, none where `needs` asks for nothing of the database. Where it asks for counts or for
    duplicates the mailbox is locked before that (a second statement) until the caller's transaction ends: of sends at
    once each sees those before it.
    """
    message = composed.message
    return Facts(
        mode=mode,
        mailbox_mode=OversightMode(mailbox.mode),
        recipients=tuple(recipient.address for recipient in composed.recipients),
        is_reply=message.in_reply_to is not None,
        reply_to=message.reply_to,
        files=tuple(File(one.filename, one.content_type, len(one.content), one.sha256) for one in composed.files),
        is_platform_mail=mailbox.account.is_platform,
        asked_at=now,
    )


def gather_past(messages: Sequence[Message], *, needs: frozenset[str], at: datetime | None = None) -> list[Facts]:
    """The facts of stored messages of one account, in their order, as the world stood when each was asked to leave.

    With `at`, as the world stood then: whoever looks at held mail again gives the present moment. A fixed number of
    statements for any number of messages; memory grows with their bodies, so give a few hundred at a time.
    """
    raise NotImplementedError
