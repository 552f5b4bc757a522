"""What the account's other mail says of a message: whom it wrote to before, how often, in which thread, and if twice.

One statement for any number of messages, with those parts only that are asked for. A message counts as written to
somebody once the policy or a person let it go: what waits, was refused, rejected, cancelled or returned proves nothing,
or an agent could make a stranger known by being held once. A mail counts as heard of once it was admitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings

from mailboxes import statements
from mailboxes.statements import as_json

from .questions import Question

PEOPLE = (
    "messaging_people(m.account_id, m.direction::text, m.from_address, "
    "m.to_addresses || m.cc_addresses || m.bcc_addresses)"
)
# By state today; for the past also by the moment of the approval. Neither names the direction, which `<` and `>` tell
# anyhow, nor a bare created_at: PostgreSQL would read another index whole beside the one of people.
LET_GO = """(
    m.status IN ('queued', 'sending', 'sent', 'unknown', 'failed')
    AND m.created_at + interval '0' <= asked.until
    AND (NOT m.needs_decision OR asked.until = 'infinity' OR (
        SELECT true FROM oversight_review r
        WHERE r.message_id = m.id AND r.state = 'approved' AND r.decided_at <= asked.until LIMIT 1
    ))
)"""
ADMITTED = "(m.status = 'released' AND m.withheld_at IS NULL AND m.released_at <= asked.until)"
# Has not come to nothing: it left, it may leave, or it waits.
STANDS = """(
    m.status NOT IN ('accepted', 'refused', 'rejected', 'expired', 'cancelled') OR (m.status <> 'refused' AND (
        SELECT true FROM oversight_review r WHERE r.message_id = m.id AND r.decided_at > asked.until LIMIT 1
    ))
)"""
OF_MAILBOX = f"""m.mailbox_id = asked.mailbox AND m.direction = 'OUTBOUND' AND m.withheld_at IS NULL
    AND m.created_at <= asked.until AND m.id <> asked.id AND {STANDS}"""
# The newest of the conversation, before it is looked at what became of them: however many wait in it.
THREAD = """(
    SELECT * FROM messaging_message AS one WHERE one.thread_id = asked.thread AND one.id <> asked.id
    ORDER BY one.created_at DESC, one.id DESC LIMIT %(most_of_thread)s
) AS m"""

# Scalar subqueries and not EXISTS, which PostgreSQL may answer by reading all mail of the account.
FIRST_CONTACTS = f"""ARRAY(
    SELECT one.key FROM unnest(asked.keys) AS one(key) WHERE (
        SELECT true FROM messaging_message m
        WHERE {PEOPLE} && ARRAY[%(account)s::text || '>' || one.key, %(account)s::text || '<' || one.key]
            AND m.id <> asked.id AND ({LET_GO} OR {ADMITTED}) LIMIT 1
    ) IS NULL
)"""  # noqa: S608 - our own texts
NEW_RECIPIENTS_HOUR = f"""(
    SELECT count(*) FROM (
        SELECT unnest(asked.keys) AS key
        UNION
        SELECT messaging_address_key(one.address) FROM (
            SELECT m.to_addresses || m.cc_addresses || m.bcc_addresses AS addresses FROM messaging_message m
            WHERE {OF_MAILBOX} AND m.created_at > asked.at - interval '1 hour'
            ORDER BY m.created_at DESC LIMIT %(most)s
        ) AS sent, unnest(sent.addresses) AS one(address)
    ) AS wrote
    WHERE (
        SELECT true FROM messaging_message m
        WHERE {PEOPLE} && ARRAY[%(account)s::text || '>' || wrote.key]
            AND m.created_at + interval '1 hour' <= asked.at AND {LET_GO} LIMIT 1
    ) IS NULL
)"""  # noqa: S608 - our own texts
RECIPIENTS_WITHIN = f"""(
    SELECT asked.count + coalesce(sum(sent.count), 0)::int FROM (
        SELECT (
            SELECT count(DISTINCT one) FROM unnest(m.to_addresses || m.cc_addresses || m.bcc_addresses) AS one
        ) AS count FROM messaging_message m
        WHERE {OF_MAILBOX} AND m.created_at > asked.at - interval '{{window}}'
        ORDER BY m.created_at DESC LIMIT %(most)s
    ) AS sent
)"""  # noqa: S608 - our own texts
THREAD_SENDS_HOUR = f"""(
    SELECT 1 + count(*)::int FROM (
        SELECT FROM messaging_message m
        WHERE m.thread_id = asked.thread AND {OF_MAILBOX} AND m.created_at > asked.at - interval '1 hour'
        ORDER BY m.created_at DESC LIMIT %(most_of_thread)s
    ) AS sent
)"""  # noqa: S608 - our own texts
OUTSIDE_THREAD = f"""ARRAY(
    SELECT one.key FROM unnest(asked.keys) AS one(key)
    WHERE asked.answers IS NOT NULL AND one.key NOT IN (
        SELECT messaging_address_key(person.address)
        FROM {THREAD}, unnest(m.from_address || m.to_addresses || m.cc_addresses) AS person(address)
        WHERE {LET_GO} OR {ADMITTED}
        UNION
        SELECT b.full_address FROM mailboxes_mailbox b
        WHERE b.full_address = ANY(asked.keys) AND b.account_id = %(account)s AND b.deleted_at IS NULL
    )
)"""  # noqa: S608 - our own texts
# [From, Reply-To] of each mail of the thread that asks for its answers somewhere else.
REDIRECTIONS = f"""(
    SELECT json_agg(json_build_array(m.from_address, m.reply_to)) FROM {THREAD} WHERE {ADMITTED} AND m.reply_to <> ''
)"""  # noqa: S608 - our own texts
# Of the received mail that is answered; where our own is, of the newest received one beside it.
PARENT_PROVEN = f"""(
    SELECT m.sender_checks ->> 'is_authenticated' = 'true' FROM (
        (
            SELECT parent.* FROM messaging_message parent
            WHERE parent.mailbox_id = asked.mailbox AND parent.message_id = asked.answers AND parent.id <> asked.id
                AND parent.thread_id = asked.thread
        )
        UNION ALL
        (SELECT m.* FROM {THREAD})
    ) AS m WHERE {ADMITTED} ORDER BY m.message_id = asked.answers DESC, m.created_at DESC LIMIT 1
)"""  # noqa: S608 - our own texts
DUPLICATE_OF = f"""(
    SELECT m.id::text FROM messaging_message m
    WHERE {OF_MAILBOX} AND m.created_at >= asked.at - make_interval(secs => %(duplicate_seconds)s)
        AND m.subject = asked.subject
        AND encode(sha256(convert_to(m.body_text || E'\\x01' || coalesce(m.body_html, ''), 'UTF8')), 'hex') = asked.body
        AND ARRAY(
            SELECT DISTINCT messaging_address_key(one) COLLATE "C"
            FROM unnest(m.to_addresses || m.cc_addresses || m.bcc_addresses) AS one ORDER BY 1
        ) = asked.keys
        AND ARRAY(
            SELECT f.sha256::text FROM messaging_attachment f WHERE f.message_id = m.id ORDER BY f.sha256 COLLATE "C"
        ) = asked.files
    ORDER BY m.created_at DESC LIMIT 1
)"""  # noqa: S608 - our own texts
OWN_DOMAINS = """ARRAY(
    SELECT d.name::text FROM mailboxes_domain d WHERE d.account_id = %(account)s AND d.deleted_at IS NULL
)"""

# By field of Facts.
PARTS: Mapping[str, str] = {
    "first_contacts": FIRST_CONTACTS,
    "new_recipients_hour": NEW_RECIPIENTS_HOUR,
    "recipients_hour": RECIPIENTS_WITHIN.format(window="1 hour"),
    "recipients_day": RECIPIENTS_WITHIN.format(window="1 day"),
    "thread_sends_hour": THREAD_SENDS_HOUR,
    "outside_thread": OUTSIDE_THREAD,
    "redirected": REDIRECTIONS,
    "is_parent_authenticated": PARENT_PROVEN,
    "duplicate_of": DUPLICATE_OF,
    "links": OWN_DOMAINS,
}
# The same question about any addresses, as the world stands now: for what people are shown.
STRANGERS = f"""
SELECT one.address FROM (
    SELECT address, messaging_address_key(address) AS key FROM unnest(%(addresses)s::text[]) AS address
) AS one, LATERAL (
    SELECT {FIRST_CONTACTS} AS keys FROM (
        SELECT ARRAY[one.key] AS keys, %(besides)s::uuid AS id, 'infinity'::timestamptz AS until
    ) AS asked
) AS unknown
WHERE cardinality(unknown.keys) > 0
"""  # noqa: S608 - our own texts
NO_MESSAGE = UUID(int=0)
# What another send of the same mailbox may change at this very moment.
COUNTED = frozenset({"new_recipients_hour", "recipients_hour", "recipients_day", "duplicate_of"})
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('facts ' || %(mailbox)s::uuid, 0))"

Answers = Mapping[str, Any]


def lock(mailbox_id: UUID) -> None:
    """Let the sends of a mailbox that count its sends come one after the other, until the transaction ends.

    Taken before the account's counters, and in a statement of its own: what is read after it sees what was committed
    by whom it waited for.
    """
    statements.run(LOCK, {"mailbox": mailbox_id})


def ask(questions: Sequence[Question], *, account_id: UUID, needs: frozenset[str]) -> list[Answers]:
    """What is known of each message, by those fields of Facts in `needs` that PARTS has; none, no statement."""
    names = tuple(sorted(needs & PARTS.keys()))
    if not names or not questions:
        return [{} for _ in questions]
    rows = statements.run(
        _statement(names),
        {
            "asked": as_json([question.row() for question in questions]),
            "account": account_id,
            "most": settings.FACTS_MOST_MESSAGES,
            "most_of_thread": settings.FACTS_MOST_OF_THREAD,
            "duplicate_seconds": settings.DUPLICATE_SECONDS,
        },
    )
    told = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
    return [told[question.message.pk] for question in questions]


@cache
def _statement(names: tuple[str, ...]) -> str:
    return f"""
SELECT asked.id, {", ".join(f"{PARTS[name]} AS {name}" for name in names)}
FROM json_to_recordset(%(asked)s::json) AS asked(
    id uuid, mailbox uuid, thread uuid, answers text, keys text[], count int, at timestamptz, until timestamptz,
    subject text, body text, files text[]
)"""  # noqa: S608 - our own texts


def strangers(account_id: UUID, addresses: Sequence[str], *, besides: UUID = NO_MESSAGE) -> set[str]:
    """Those of the addresses that the account neither wrote to nor heard of; the message `besides` makes nobody known.

    The policy's first contact, for people, in one statement.
    """
    named = {"account": account_id, "addresses": [one for one in addresses if one], "besides": besides}
    return {address for (address,) in statements.run(STRANGERS, named)}
