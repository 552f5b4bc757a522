"""Mail for a paused mailbox: taken from its sender, held unread, and filed once the mailbox is active again.

What is held has no `due_at`. The mailbox's row decides, and is locked by whoever pauses or wakes it; what passed by
meanwhile (a mail stored in that moment, a status written past the verbs) the sweep puts right.
"""

from __future__ import annotations

from django.dispatch import receiver

from mailboxes import statements
from mailboxes.models import Event, Mailbox, MailboxStatus
from mailboxes.signals import event_recorded
from messaging import wakeup

# What a worker has in its hands is passed over, since the event's counter is locked already: the lock order has raw
# messages before it. The sweep finds it, if it is still there.
HOLD = """
UPDATE messaging_rawmessage SET due_at = NULL WHERE id IN (
    SELECT id FROM messaging_rawmessage
    WHERE mailbox_id = %(mailbox)s AND processed_at IS NULL AND due_at IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED)
"""
# In the order in which it came, before what comes from now on.
FREE = """
UPDATE messaging_rawmessage SET due_at = received_at WHERE id IN (
    SELECT id FROM messaging_rawmessage
    WHERE mailbox_id = %(mailbox)s AND processed_at IS NULL AND due_at IS NULL
    FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id
"""
# What waits unread when its mailbox begins to hold what arrives is held, whatever the mode is when it is filed. Who is
# just filing a mail has locked the mailbox, and so comes before that.
GATE = """
UPDATE messaging_rawmessage SET is_gated = true WHERE id IN (
    SELECT raw.id FROM messaging_rawmessage AS raw JOIN mailboxes_mailbox AS box ON box.id = raw.mailbox_id
    WHERE box.id = %(mailbox)s AND box.mode = 'gated_all' AND raw.processed_at IS NULL AND NOT raw.is_gated
    FOR NO KEY UPDATE OF raw SKIP LOCKED)
"""
SETTLE = """
UPDATE messaging_rawmessage SET due_at = CASE WHEN due_at IS NULL THEN received_at END WHERE id IN (
    SELECT raw.id FROM messaging_rawmessage AS raw JOIN mailboxes_mailbox AS box ON box.id = raw.mailbox_id
    WHERE raw.processed_at IS NULL
        AND (raw.due_at IS NULL) <> (box.status = 'PAUSED' AND box.deleted_at IS NULL)
    FOR NO KEY UPDATE OF raw SKIP LOCKED)
RETURNING due_at IS NOT NULL
"""


@receiver(event_recorded)
def on_mailbox_changed(*, event: Event, **_: object) -> None:
    """Hold the mail of a mailbox that was paused; let go that of one that is active again, or deleted."""
    if not event.kind.startswith("mailbox.") or event.mailbox_id is None:
        return
    paused = Mailbox.objects.filter(status=MailboxStatus.PAUSED, deleted_at__isnull=True)
    is_paused = paused.filter(pk=event.mailbox_id).exists()
    freed = statements.run(HOLD if is_paused else FREE, {"mailbox": event.mailbox_id})
    if freed:
        wakeup.ring(wakeup.PROCESS_INTAKE)


@receiver(event_recorded)
def on_mode_changed(*, event: Event, **_: object) -> None:
    if event.kind == "mailbox.mode_changed":
        statements.run(GATE, {"mailbox": event.mailbox_id})


def settle() -> int:
    """Hold and let go whatever is otherwise than its mailbox says; how many mails were let go."""
    freed_count = [is_freed for (is_freed,) in statements.run(SETTLE, {})].count(True)
    if freed_count:
        wakeup.ring(wakeup.PROCESS_INTAKE)
    return freed_count
