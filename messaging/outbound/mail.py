"""A claimed mail as a worker holds it: all that is looked at before it leaves, read for the whole batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from mailboxes import dns_records, statements, switch
from messaging.mime.addresses import suppression_key
from messaging.models import Attempt

# Larger bodies are read one at a time, when their turn has come: twenty of them would not fit into a worker.
SMALL = 64 * 1024

LOAD = f"""
SELECT t.id, r.id, m.account_id, m.mailbox_id, m.agent_id, m.key_id, r.address, t.number, t.version, m.from_address,
    d.name, v.seal, CASE WHEN octet_length(v.raw) <= %(small)s THEN v.raw END,
    ARRAY(SELECT ARRAY[o.kind::text, o.address::text] FROM messaging_recipient o WHERE o.message_id = m.id),
    a.stopped_at IS NULL AND a.suspended_at IS NULL AND {switch.EVERYTHING_GOES}
        AND {switch.of("a", "m.mailbox_id", "m.agent_id", "m.key_id")},
    b.status = 'ACTIVE' AND b.mode <> 'read_only' AND b.deleted_at IS NULL,
    m.status = 'sending' AND m.current_version = t.version,
    {switch.GENERATION},
    a.test_of_id IS NOT NULL, d.takes_bounces, d.is_platform, signing.selectors, signing.private_keys
FROM unnest(%(attempts)s::uuid[]) AS asked(id)
JOIN messaging_attempt t ON t.id = asked.id
JOIN messaging_recipient r ON r.id = t.recipient_id
JOIN messaging_message m ON m.id = r.message_id
JOIN messaging_revision v ON v.message_id = m.id AND v.version = t.version
JOIN mailboxes_account a ON a.id = m.account_id
JOIN mailboxes_mailbox b ON b.id = m.mailbox_id
JOIN mailboxes_domain d ON d.id = b.domain_id
LEFT JOIN LATERAL (
    SELECT array_agg(key.selector::text ORDER BY key.algorithm DESC) AS selectors,
        array_agg(key.private_key ORDER BY key.algorithm DESC) AS private_keys
    FROM (
        SELECT DISTINCT ON (one.algorithm) one.algorithm, one.selector, one.private_key FROM mailboxes_dkimkey one
        WHERE one.domain_id = d.id AND one.activated_at IS NOT NULL AND one.retired_at IS NULL
        ORDER BY one.algorithm, one.activated_at DESC, one.id DESC
    ) AS key
) AS signing ON true
"""  # noqa: S608 - ours
SUPPRESSED = """
SELECT s.account_id, s.key, s.reason
FROM messaging_suppression s
JOIN unnest(%(accounts)s::uuid[], %(keys)s::text[]) AS asked(account_id, key) USING (account_id, key)
"""
BYTES = """
SELECT v.raw FROM messaging_revision v
JOIN messaging_recipient r ON r.message_id = v.message_id
WHERE r.id = %(recipient)s AND v.version = %(version)s
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the mail might leave when the batch was loaded. `suppressed_for` is the reason, empty when there is none.

    `generation` is that of the stops (`mailboxes.switch`): as long as it has not moved, nobody stopped anything.
    `is_current`: the message is being sent, and in the version that was claimed.
    """

    is_account_open: bool
    is_mailbox_open: bool
    is_current: bool
    suppressed_for: str
    generation: int


@dataclass(frozen=True, slots=True)
class Mail:
    """One copy for one recipient: attempt `number` at it, named by its `pk`. `sealed_keys` are the domain's newest
    DKIM keys of each algorithm, RSA first, with their selectors, still encrypted. `returns_to`: the domain that its
    bounces come back to.
    """

    pk: UUID
    recipient_id: UUID
    number: int
    version: int
    account_id: UUID
    mailbox_id: UUID
    agent_id: UUID | None
    key_id: UUID | None
    address: str
    suppression_key: str
    header_from: str
    recipients: Sequence[tuple[str, str]]
    domain: str
    seal: str
    standing: Standing
    is_test: bool
    returns_to: str
    sealed_keys: Sequence[tuple[str, bytes]]
    small_raw: bytes | None

    @property
    def raw(self) -> bytes:
        """The bytes under the seal."""
        if self.small_raw is not None:
            return self.small_raw
        named = {"recipient": self.recipient_id, "version": self.version}
        ((raw,),) = statements.run(BYTES, named)
        return bytes(raw)


def load(attempts: Sequence[Attempt | Mail]) -> list[Mail]:
    """The mails of these attempts, in their order."""
    if not attempts:
        return []
    rows = statements.run(LOAD, {"attempts": [attempt.pk for attempt in attempts], "small": SMALL})
    keys = {row[6]: suppression_key(row[6]) for row in rows}
    asked = {"accounts": [row[2] for row in rows], "keys": [keys[row[6]] for row in rows]}
    reasons = {(account, key): reason for account, key, reason in statements.run(SUPPRESSED, asked)}
    mails = {row[0]: _mail(row, keys[row[6]], reasons) for row in rows}
    return [mails[attempt.pk] for attempt in attempts]


def _mail(row: tuple[Any, ...], key: str, reasons: dict[tuple[UUID, str], str]) -> Mail:
    pk, recipient, account, mailbox, agent, its_key, address, number, version, header_from, *rest = row
    domain, seal, raw, recipients, is_account_open, is_mailbox_open, is_current, generation, *rest = rest
    is_test, takes_bounces, is_platform, selectors, sealed_keys = rest
    return Mail(
        pk=pk,
        recipient_id=recipient,
        number=number,
        version=version,
        account_id=account,
        mailbox_id=mailbox,
        agent_id=agent,
        key_id=its_key,
        address=address,
        suppression_key=key,
        header_from=header_from,
        recipients=tuple((kind, other) for kind, other in recipients),
        domain=domain,
        seal=seal,
        standing=Standing(
            is_account_open, is_mailbox_open, is_current, reasons.get((account, key), ""), generation=generation
        ),
        is_test=is_test,
        returns_to=_returns_to(domain, takes_bounces=takes_bounces, is_platform=is_platform),
        sealed_keys=tuple(zip(selectors or (), sealed_keys or (), strict=True)),
        small_raw=raw,
    )


def _returns_to(domain: str, *, takes_bounces: bool, is_platform: bool) -> str:
    """The author's own `send.`, so that SPF is aligned; the platform's domain while its records do not stand."""
    if is_platform:
        return domain
    return dns_records.return_host(domain) if takes_bounces else settings.PLATFORM_DOMAIN
