"""A message's files become its own in the statement that stores it.

An upload that belongs to no message yet is linked, by compare-and-set. A file of another message is copied: a row of
its own over the same content.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from mailboxes import statements
from mailboxes.errors import Invalid
from mailboxes.ids import new_id
from mailboxes.statements import Step, as_json
from messaging.attachments import deletion
from messaging.models import Attachment

from .drafts import Composed

# Whoever waited for a row sees how it is then, so of two sends with one upload the second gets a copy. A copy has the
# columns of its original, whatever they are, but for these.
LINKED = """held AS (
    SELECT a AS file, named.copy, named.content_id
    FROM json_to_recordset(%(files)s::json) AS named(id uuid, copy uuid, content_id text)
    JOIN messaging_attachment a ON a.id = named.id AND a.account_id = %(account)s
    ORDER BY a.id FOR NO KEY UPDATE OF a
), linked AS (
    UPDATE messaging_attachment SET message_id = %(id)s, content_id = held.content_id FROM held
    WHERE id = (held.file).id AND (held.file).message_id IS NULL
    RETURNING id
), copied AS (
    INSERT INTO messaging_attachment
    SELECT copied.* FROM held, LATERAL json_populate_record(held.file, json_build_object(
        'id', held.copy, 'message_id', %(id)s::uuid, 'content_id', held.content_id, 'created_at', %(now)s::timestamptz
    )) AS copied
    WHERE (held.file).message_id IS NOT NULL
    RETURNING id
)"""
TELL_LINKED = "SELECT 'linked' AS kind, (SELECT count(*) FROM linked) + (SELECT count(*) FROM copied) AS used"


def linking(composed: Composed, *, now: datetime) -> Step:
    """Makes the files the message's own: a step beside `drafts.storing`. TELL_LINKED says how many they became."""
    files = [{"id": one.attachment_id, "copy": new_id(), "content_id": one.content_id} for one in composed.files]
    return Step(
        LINKED,
        {"files": as_json(files), "id": composed.message.pk, "account": composed.message.account_id, "now": now},
    )


def replace(composed: Composed, *, now: datetime) -> None:
    """Make the files of a stored message those of its new form, in the caller's transaction.

    What it had and names no more is deleted, what it names anew is linked or copied. Raises Invalid as `check`.
    """
    message = composed.message
    present = {file.pk: file for file in Attachment.objects.filter(message=message.pk)}
    named = {one.attachment_id: one for one in composed.files}
    deletion.forget(message.account_id, [pk for pk in present if pk not in named])
    kept = [file for pk, file in present.items() if pk in named]
    for file in kept:
        file.content_id = named[file.pk].content_id
    Attachment.objects.bulk_update(kept, ["content_id"])
    added = dataclasses.replace(
        composed, files=tuple(one for one in composed.files if one.attachment_id not in present)
    )
    if added.files:
        ((_, linked),) = statements.run_steps([linking(added, now=now)], TELL_LINKED)
        check(added, linked)


def check(composed: Composed, linked: int) -> None:
    """Refuse the send when a file has gone since it was read."""
    if linked != len(composed.files):
        raise Invalid(
            "One of the attachments was deleted at this moment.",
            code="attachment_gone",
            fix="Upload the file anew, or send without it.",
            field="attachments",
        )
