"""A message's files become its own in the statement that stores it.

An upload that belongs to no message yet is linked, by compare-and-set. A file of another message, received or sent, is
copied: a row of its own over the same content.
"""

from __future__ import annotations

from datetime import datetime

from mailboxes.errors import Invalid
from mailboxes.ids import new_id
from mailboxes.statements import Step, as_json

from .drafts import Composed

# A copy has the columns of its original, whatever they are, but for these. Neither step sees what the other writes.
LINKED = """named AS (
    SELECT * FROM json_to_recordset(%(files)s::json) AS named(id uuid, copy uuid)
), linked AS (
    UPDATE messaging_attachment a SET message_id = %(id)s FROM named
    WHERE a.id = named.id AND a.account_id = %(account)s AND a.message_id IS NULL
    RETURNING a.id
), copied AS (
    INSERT INTO messaging_attachment
    SELECT copy.* FROM named JOIN messaging_attachment a ON a.id = named.id, LATERAL json_populate_record(
        a, json_build_object('id', named.copy, 'message_id', %(id)s, 'part_index', NULL, 'created_at', %(now)s)
    ) AS copy
    WHERE a.account_id = %(account)s AND a.message_id IS NOT NULL
    RETURNING id
)"""
TELL_LINKED = "SELECT 'linked' AS kind, (SELECT count(*) FROM linked) + (SELECT count(*) FROM copied) AS used"


def linking(composed: Composed, *, now: datetime) -> Step:
    """Makes the files the message's own: a step beside `drafts.storing`. TELL_LINKED says how many they became."""
    files = [{"id": file.attachment_id, "copy": new_id()} for file in composed.files]
    return Step(
        LINKED,
        {"files": as_json(files), "id": composed.message.pk, "account": composed.message.account_id, "now": now},
    )


def check(composed: Composed, linked: int) -> None:
    """Refuse the send when a file has gone, or become another message's, since it was read."""
    if linked != len(composed.files):
        raise Invalid(
            "One of the attachments was deleted, or taken by another send, at this moment.",
            code="attachment_gone",
            fix="Send again; upload the file anew if it is gone.",
            field="attachments",
        )
