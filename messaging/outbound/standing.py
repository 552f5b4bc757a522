"""Whether a mail may leave at this moment: its account, its mailbox, its address."""

from __future__ import annotations

from .mail import Mail
from .outcomes import Halt, OutcomeKind


def check(mail: Mail) -> None:
    """Raises Halt with the outcome when it may not. Looks at what was loaded; the mark looks again."""
    standing = mail.standing
    if not standing.is_account_open:
        raise Halt(OutcomeKind.WITHDRAWN, "stopped", "Sending was stopped before the message left.")
    if not standing.is_mailbox_open:
        raise Halt(OutcomeKind.WITHDRAWN, "mailbox_closed", "The mailbox was closed before the message left.")
    if standing.suppressed_for:
        text = f"The address is on the suppression list ({standing.suppressed_for}); nothing was sent."
        raise Halt(OutcomeKind.FAILED, "suppressed", text)
