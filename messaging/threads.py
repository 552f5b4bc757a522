"""Which conversation a message belongs to (contracts/robotomail.md, section 6, "Ours").

References and In-Reply-To that name a message of the same mailbox join its thread. Without a reference the subject
joins only if the sender already takes part in a thread of that subject that was active in the last 30 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from mailboxes import statements
from mailboxes.models import Mailbox
from mailboxes.statements import as_json

from .mime import conversation
from .models import Message, Thread
from .visibility import known, visible

SUBJECT_JOINS_FOR = timedelta(days=30)
PARTICIPANTS_KEPT = 100
REFERENCES_LOOKED_AT = 50

# Whoever waited for a row's lock joins to what then stands there. Each thread stands once in what is given. Its subject
# is that of what was shown first: what began it may still be hidden, or withheld.
SHOW = """
UPDATE messaging_thread AS thread SET
    message_count = thread.message_count + given.count,
    subject = CASE WHEN thread.message_count = 0 THEN given.subject ELSE thread.subject END,
    subject_key = CASE WHEN thread.message_count = 0 THEN given.subject_key ELSE thread.subject_key END,
    participants = ARRAY(
        SELECT person FROM unnest(thread.participants || given.people) WITH ORDINALITY AS one(person, place)
        GROUP BY person ORDER BY min(place) LIMIT %(kept)s
    ),
    last_message_at = greatest(thread.last_message_at, given.last)
FROM (
    SELECT (one ->> 'thread')::uuid AS id, (one ->> 'count')::int AS count, (one ->> 'last')::timestamptz AS last,
           one ->> 'subject' AS subject, one ->> 'subject_key' AS subject_key,
           ARRAY(SELECT jsonb_array_elements_text(one -> 'people')) AS people
    FROM jsonb_array_elements(%(threads)s::jsonb) AS one
) AS given
WHERE thread.id = given.id
"""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a message goes. `parent` is the message it answers, if we know it."""

    thread: Thread
    parent: Message | None = None
    sender_is_new: bool = False


def place(mailbox: Mailbox, *, references: Sequence[str], subject: str, sender: str | None, now: datetime) -> Placement:
    """The thread for a new message; made when there is none. `sender` is None for what the mailbox itself writes.

    `references` are Message-IDs, nearest last.
    """
    placement = find(mailbox, references=references, subject=subject, sender=sender, now=now)
    if placement is None:
        placement = Placement(thread=begin(mailbox, subject=subject))
        placement.thread.save(force_insert=True)
    return placement


def find(
    mailbox: Mailbox, *, references: Sequence[str], subject: str, sender: str | None, now: datetime
) -> Placement | None:
    """The thread that there is for a message, as `place` finds it."""
    placement = find_parent_thread(mailbox, references, sender=sender)
    if placement is not None or references or not sender:
        return placement
    thread = _find_by_subject(mailbox, subject, sender=sender, now=now)
    return Placement(thread=thread) if thread is not None else None


def find_parent_thread(mailbox: Mailbox, references: Sequence[str], *, sender: str | None = None) -> Placement | None:
    """The thread that the references lead to, if they lead to one. With a `sender`, through withheld mail too: when it
    is unlocked, its answers stand beside it."""
    parent = _find_parent(known(mailbox) if sender else visible(mailbox), references)
    if parent is None or parent.thread is None:
        return None
    is_new = sender is not None and sender not in (*parent.thread.participants, *people_of(parent))
    return Placement(thread=parent.thread, parent=parent, sender_is_new=is_new)


def begin(mailbox: Mailbox, *, subject: str) -> Thread:
    """A new thread, not stored yet."""
    return Thread(
        account_id=mailbox.account_id,
        mailbox=mailbox,
        subject=conversation.base_subject(subject),
        subject_key=conversation.normalize_subject(subject),
    )


def _find_parent(messages: QuerySet[Message], references: Sequence[str]) -> Message | None:
    """The one of a mailbox's messages that the nearest known reference names."""
    nearest = list(dict.fromkeys(reversed(references)))[:REFERENCES_LOOKED_AT]
    if not nearest:
        return None
    nearness = Case(
        *(When(message_id=reference, then=Value(rank)) for rank, reference in enumerate(nearest)),
        output_field=IntegerField(),
    )
    found = messages.filter(message_id__in=nearest).select_related("thread")
    return found.order_by(nearness, "created_at").first()


def show(messages: Sequence[Message]) -> None:
    """Count messages that became visible into their threads, by one statement.

    Call it once per message, before its event is recorded.
    """
    shown: dict[str, list[Message]] = {}
    for message in messages:
        if message.thread_id is not None:
            shown.setdefault(str(message.thread_id), []).append(message)
    if not shown:
        return
    threads = [
        {
            "thread": thread,
            "count": len(its),
            "last": max(message.created_at for message in its),
            "people": [person for message in its for person in people_of(message)],
            "subject": conversation.base_subject(its[0].subject),
            "subject_key": conversation.normalize_subject(its[0].subject),
        }
        for thread, its in shown.items()
    ]
    statements.run(SHOW, {"threads": as_json(threads), "kept": PARTICIPANTS_KEPT})


def join(message: Message) -> None:
    """Let the people of a message that was changed take part in its thread, where it is counted already."""
    if message.thread_id is not None:
        last = str(message.created_at)
        joined = [{"thread": str(message.thread_id), "count": 0, "last": last, "people": people_of(message)}]
        statements.run(SHOW, {"threads": as_json(joined), "kept": PARTICIPANTS_KEPT})


def people_of(message: Message) -> list[str]:
    """Who takes part in a conversation by this message, each once; blind recipients do not."""
    people = (message.from_address, *message.to_addresses, *message.cc_addresses)
    return list(dict.fromkeys(person for person in people if person))


def _find_by_subject(mailbox: Mailbox, subject: str, *, sender: str, now: datetime) -> Thread | None:
    key = conversation.normalize_subject(subject)
    # The mailbox itself takes part in every thread: under its name anybody would join.
    if not key or sender == mailbox.full_address:
        return None
    active = Q(last_message_at__gte=now - SUBJECT_JOINS_FOR)
    return (
        Thread.objects.filter(active, mailbox=mailbox, subject_key=key, participants__contains=[sender])
        .order_by("-last_message_at")
        .first()
    )
