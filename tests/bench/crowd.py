"""Accounts with as many rows as one asks for: a few made by the verbs, multiplied in SQL by the tables' owner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from django.db import connection, models

from config.owner import as_owner
from mailboxes import clock, mailbox
from mailboxes.mailbox import NewMailbox
from mailboxes.models import Event, EventCounter, Mailbox
from messaging.models import Message, Recipient, Revision, Status, Thread
from messaging.outbound import dispatch
from oversight import decisions
from oversight.models import Review
from tests import builders
from tests.arrivals import arrive
from tests.builders import Tenant

from .bulk_load import bulk_load

SPREAD = timedelta(days=30)
TABLES = (Thread, Message, Recipient, Revision, Review, Event)


@dataclass(frozen=True)
class Crowd:
    """An account with `rows` messages of its busy mailbox, and as many events; every person got or wrote twenty.

    Half of the messages are held, all in one conversation, each with an open review; a quarter were sent after an
    approval and a quarter received, each in a conversation of its own. `long` is the conversation of the held ones.
    What was sent is of the last 30 days, what was received of the 30 before; `quiet` is a mailbox with one held mail.
    """

    tenant: Tenant
    rows: int
    held: Review
    sent: Review
    received: Message
    quiet: Mailbox

    @property
    def long(self) -> Thread:
        assert self.held.message.thread is not None
        return self.held.message.thread


def gather(**rows: int) -> list[Crowd]:
    """Fresh accounts of these names, each with that many rows; then all is as autovacuum leaves it in its time."""
    crowds = [_begin(name, count) for name, count in rows.items()]
    with as_owner():
        with bulk_load(TABLES):
            for crowd in crowds:
                _multiply(crowd)
        with connection.cursor() as cursor:
            for model in TABLES:
                cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")
    return crowds


def _begin(name: str, rows: int) -> Crowd:
    alice = builders.tenant(name)
    wanted = NewMailbox(f"quiet-{alice.account.slug}", alice.mailbox.domain, agent=alice.agent)
    quiet = mailbox.create(alice.account, wanted, now=clock.now())
    builders.held(replace(alice, mailbox=quiet))
    return Crowd(alice, rows, builders.held(alice), _sent(alice), arrive(alice.mailbox), quiet)


def _sent(alice: Tenant) -> Review:
    review = builders.held(alice, subject="Approved")
    decisions.approve(review, reviewer=builders.reviewer(alice.owner), version=None, now=clock.now())
    builders.release()
    Recipient.objects.filter(message=review.message_id).update(next_at=clock.now())
    dispatch.drain()
    sent = Review.objects.select_related("message").get(pk=review.pk)
    if sent.message.status != Status.SENT:
        raise AssertionError(f"what was approved is {sent.message.status}")
    return sent


def _multiply(crowd: Crowd) -> None:
    half, quarter = crowd.rows // 2, crowd.rows // 4
    with connection.cursor() as cursor:
        # A message begins as accepted, says its trigger; these stand where others have come to.
        cursor.execute("ALTER TABLE messaging_message DISABLE TRIGGER USER")
    _copy_mail(crowd.held.message, half, review=crowd.held, is_one_thread=True)
    _copy_mail(crowd.sent.message, quarter, review=crowd.sent)
    _copy_mail(crowd.received, quarter, earlier=SPREAD)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_message ENABLE TRIGGER USER")
    _copy_events(crowd)
    Thread.objects.filter(pk=crowd.long.pk).update(message_count=half)


def _copy_mail(
    message: Message,
    count: int,
    *,
    review: Review | None = None,
    is_one_thread: bool = False,
    earlier: timedelta = timedelta(),
) -> None:
    """`count` more messages like this one, back through the time of SPREAD, with their rows in the other tables."""
    newest = f"'{(message.created_at - earlier).isoformat()}'::timestamptz"
    step = f"interval '{SPREAD.total_seconds() / count} seconds'"
    at = f"base.created_at - interval '{earlier.total_seconds()} seconds' - i * {step}"
    message_id = _id_at(newest, step, f"message {message.pk}")
    thread_id = _id_at(newest, step, f"thread {message.pk}")
    person = "'person-' || i / 20 || '@friends.example'"
    mail = {"id": message_id, "created_at": at, "message_id": "'<' || i || base.message_id"}
    mail |= {"from_address": person} if message.direction == "INBOUND" else {"to_addresses": f"ARRAY[{person}]"}
    if not is_one_thread:
        moments = {"created_at": at, "last_message_at": at.replace("created_at", "last_message_at")}
        _copy(Thread, message.thread_id, count, id=thread_id, **moments)
        mail["thread_id"] = thread_id
    _copy(Message, message.pk, count, **mail)
    for recipient in message.recipients.all():
        _copy(Recipient, recipient.pk, count, id="gen_random_uuid()", message_id=message_id, address=person)
    for revision in message.revisions.all():  # the bytes of a mail lie aside of its row, whatever they weigh
        _copy(Revision, revision.pk, count, id="gen_random_uuid()", message_id=message_id, raw="'x'::bytea")
    if review is not None:
        moments = {name: at.replace("created_at", name) for name in ("opened_at", "decided_at")}
        moments["expires_at"] = at.replace("created_at", "expires_at").replace(" - i", " + i")  # nothing is overdue
        _copy(Review, review.pk, count, id="gen_random_uuid()", message_id=message_id, **moments)


def _copy_events(crowd: Crowd) -> None:
    counter = EventCounter.objects.get(account=crowd.tenant.account)
    newest = Event.objects.get(account=crowd.tenant.account, seq=counter.last_seq)
    _copy(Event, newest.pk, crowd.rows, id="gen_random_uuid()", seq="base.seq + i", subject="gen_random_uuid()")
    EventCounter.objects.filter(pk=counter.pk).update(last_seq=counter.last_seq + crowd.rows)


def _id_at(newest: str, step: str, label: str) -> str:
    """SQL of the i-th UUIDv7: ordered as the rows are, the same in every table that names it."""
    milliseconds = f"lpad(to_hex((extract(epoch FROM {newest} - i * {step}) * 1000)::bigint), 12, '0')"
    noise = f"md5('{label} ' || i)"
    return f"({milliseconds} || '7' || substr({noise}, 1, 3) || '8' || substr({noise}, 4, 15))::uuid"


def _copy(model: type[models.Model], pk: UUID | None, count: int, **changes: str) -> None:
    """`count` copies of one row, oldest first, numbered down to 1; `changes` are SQL over `base` and the number `i`."""
    columns = [str(field.column) for field in model._meta.concrete_fields]
    table = model._meta.db_table
    told = ", ".join(changes.get(column, f'base."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {told}'  # noqa: S608 - names from the models, SQL from above
            f' FROM "{table}" AS base, generate_series({count}, 1, -1) AS i WHERE base.id = %s',
            [pk],
        )
