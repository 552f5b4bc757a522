"""Many due mails at once: copies of one that was really submitted, each with its own Message-ID, bytes, seal and event.

A copy is made the way the verbs make it (accepted first, then cleared by the policy), so the guards of the database and
every invariant hold for it. Its quota was given back and it stands in no conversation, so that no counter is touched.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from mailboxes import clock, events
from mailboxes.events import Happening
from mailboxes.ids import new_id
from messaging.mime import build, seal
from messaging.models import Message, Recipient, Revision
from oversight import submission
from tests import builders
from tests.builders import Tenant

CHUNK = 100

MESSAGES = """
INSERT INTO messaging_message
SELECT made.*
FROM messaging_message m, unnest(%(ids)s::uuid[], %(message_ids)s::text[]) AS copy(id, message_id),
    jsonb_populate_record(m, jsonb_build_object(
        'id', copy.id, 'message_id', copy.message_id, 'status', 'accepted', 'needs_decision', true,
        'quota_taken_at', NULL, 'thread_id', NULL)) AS made
WHERE m.id = %(template)s
"""
EVALUATIONS = """
INSERT INTO oversight_evaluation
SELECT made.*
FROM oversight_evaluation e, unnest(%(ids)s::uuid[]) AS copy(id),
    jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid(), 'message_id', copy.id)) AS made
WHERE e.message_id = %(template)s
"""
CLEARED = """
UPDATE messaging_message SET status = 'queued', needs_decision = false WHERE id = ANY(%(ids)s)
"""


def fill(owner: Tenant, count: int, *, octets: int = 2000) -> list[str]:
    """The Message-IDs of `count` due mails to one recipient each, `octets` long before the signature."""
    template = _template(owner, octets=octets)
    raw = bytes(Revision.objects.get(message=template).raw)
    made: list[str] = []
    for start in range(0, count, CHUNK):
        ids = [new_id() for _ in range(min(CHUNK, count - start))]
        made += _copy(template, raw, ids)
    return made


def _template(owner: Tenant, *, octets: int) -> Message:
    """One submitted mail, taken back at once: it gives the copies their form."""
    line = "Good day to you, and thank you for all of this.\n"
    empty = builders.submit(owner, body_text=line)
    spare = octets - len(bytes(Revision.objects.get(message=empty).raw))
    body = line + (line * (spare // (len(line) + 1)))
    filled = builders.submit(owner, body_text=body)
    for message in (empty, filled):
        _leave_out(message)
    return filled


def _leave_out(message: Message) -> None:
    with transaction.atomic():
        submission.cancel_waiting(message, by="test", now=clock.now())


def _copy(template: Message, raw: bytes, ids: list[UUID]) -> list[str]:
    now = clock.now()
    domain = template.message_id.strip("<>").partition("@")[2]
    message_ids = [build.make_message_id(domain, pk.hex) for pk in ids]
    copies = [raw.replace(template.message_id.encode(), message_id.encode()) for message_id in message_ids]
    kept = [(one.kind, one.address) for one in template.recipients.all()]
    names: dict[str, Any] = {"ids": ids, "message_ids": message_ids, "template": template.pk}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(MESSAGES, names)
            cursor.execute(EVALUATIONS, names)
        Recipient.objects.bulk_create(
            Recipient(message_id=pk, kind=kind, address=address) for pk in ids for kind, address in kept
        )
        Revision.objects.bulk_create(
            Revision(
                message_id=pk,
                version=1,
                raw=copy,
                seal=seal.seal(header_from=template.from_address, recipients=kept, send_at=None, raw=copy),
                made_by="agent:bench",
                created_at=now,
            )
            for pk, copy in zip(ids, copies, strict=True)
        )
        with connection.cursor() as cursor:
            cursor.execute(CLEARED, names)
        happenings = [
            Happening(
                "message.queued",
                str(pk),
                {"message_id": str(pk), "mailbox_id": str(template.mailbox_id)},
                template.mailbox_id,
            )
            for pk in ids
        ]
        Recipient.objects.filter(message_id__in=ids).update(next_at=now)
        events.record_all(template.account_id, happenings, now=now)
    return message_ids
