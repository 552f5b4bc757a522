"""Who sends, and what stands in the way: all that the acceptance must know, read at once in its own transaction.

Nothing of this is remembered between requests: a mode, a suspension, a pause or a suppression holds from its commit on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from mailboxes import inbound_usage, keys, quotas, standing, statements, switch
from mailboxes.errors import Forbidden, Invalid
from mailboxes.ids import parse_id
from mailboxes.inbound_usage import InboundUsage
from mailboxes.models import Account, Domain, LimitKind, Mailbox, MailboxStatus
from mailboxes.principals import Principal
from mailboxes.quotas import Counter
from messaging.mime import addresses
from messaging.mime.types import Draft
from messaging.recipients import refused_domains, suppressions

from . import rule_sets
from .policy.rules import RuleSet

# In the order of their models' fields; what is not read here is loaded by Django should anybody ask for it.
MAILBOX = ("id", "account_id", "agent_id", "domain_id", "full_address", "display_name", "mode", "floor", "status")
ACCOUNT = ("id", "is_platform", "suspended_at", "suspended_reason")
DOMAIN = ("id", "name")

# One statement where an ORM would need seven: each further round trip costs more than all of these look-ups.
READ = f"""
SELECT {", ".join(f"b.{name}" for name in MAILBOX)},
    {", ".join(f"a.{name}" for name in ACCOUNT)},
    {", ".join(f"d.{name}" for name in DOMAIN)},
    EXISTS (
        SELECT 1 FROM mailboxes_member m JOIN mailboxes_user u ON u.id = m.user_id
        WHERE m.account_id = a.id AND m.role = 'owner' AND u.email_verified_at IS NOT NULL
    ),
    %(key)s::uuid IS NULL OR EXISTS (
        SELECT 1 FROM mailboxes_apikey k
        WHERE k.id = %(key)s::uuid AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %(now)s)
            AND (k.ip_allowlist = '{{}}' OR %(is_bound)s)  -- bound since it was remembered, when it was not
    ),
    (
        SELECT json_build_array(s.address, s.reason) FROM messaging_suppression s
        WHERE s.account_id = a.id AND s.key = ANY(%(recipients)s::text[]) ORDER BY s.address LIMIT 1
    ),
    (SELECT json_object_agg(l.kind, l.amount) FROM mailboxes_limit l WHERE l.account_id = a.id),
    (
        SELECT json_object_agg(u.kind, u.used) FROM mailboxes_usage u
        JOIN unnest(%(subjects)s::uuid[], %(kinds)s::text[], %(periods)s::timestamptz[])
            AS one(subject_id, kind, period_start) USING (subject_id, kind, period_start)
    ),
    ({rule_sets.IN_FORCE}),
    CASE WHEN NOT ({switch.EVERYTHING_GOES}) THEN
        (SELECT json_build_array(s.scope, s.reason) FROM mailboxes_stop s
        WHERE s.scope = 'everything' AND s.resumed_at IS NULL)
    WHEN a.stopped_at IS NOT NULL OR a.stopped_subjects IS NOT NULL THEN
        (SELECT json_build_array(s.scope, s.reason) FROM mailboxes_stop s
        WHERE s.subject_id IN (a.id, b.id, %(agent)s::uuid, %(key)s::uuid) AND s.resumed_at IS NULL
        ORDER BY s.scope LIMIT 1)
    END
FROM mailboxes_mailbox b
JOIN mailboxes_account a ON a.id = b.account_id
JOIN mailboxes_domain d ON d.id = b.domain_id
WHERE b.id = %(mailbox)s AND b.account_id = %(account)s AND b.deleted_at IS NULL
"""  # noqa: S608 - the names of our own columns


@dataclass(frozen=True, slots=True)
class Sender:
    """A mailbox with its account and domain, and how they stand at this moment of this transaction.

    `suppressed` is the first recipient that must not be written to, with the reason. `limits` and `used` are by kind.
    `rules` are the rule sets in force, the account's first.
    `stopped`: the scope of a stop that keeps it from leaving, with its reason; such a send is accepted, and waits.
    """

    mailbox: Mailbox
    is_verified: bool
    is_key_good: bool
    recipients: tuple[str, ...]
    suppressed: tuple[str, str] | None
    limits: Mapping[str, int]
    used: Mapping[str, int]
    rules: tuple[RuleSet, ...] = ()
    stopped: tuple[str, str] | None = None

    def check(self) -> None:
        """Refuse who may not send at all: a key that is over, a suspension, a pause, an owner who is not verified."""
        if not self.is_key_good:
            raise keys.revoked()
        _check_standing(self.mailbox, is_verified=self.is_verified)

    def check_recipients(self) -> None:
        """Refuse a send that names a recipient who must not be written to: nothing of it is sent."""
        if not self.mailbox.account.is_platform:
            refused_domains.check(self.recipients)
        if self.suppressed:
            raise suppressions.refusal(*self.suppressed)

    def check_limits(self, amount: int, *, now: datetime) -> None:
        """Refuse early what the counters will refuse anyway; theirs is the last word (`quotas.spending_sends`)."""
        quotas.check(self.used, self.limits, amount, now=now)

    def inbound_usage(self, *, now: datetime) -> InboundUsage:
        kind = LimitKind.MONTHLY_INBOUND
        return inbound_usage.of(self.used.get(kind, 0), self.limits[kind], now=now)


def get(actor: Principal, mailbox_id: object, *, recipients: Sequence[str] = (), now: datetime) -> Sender:
    """The mailbox of that id in the actor's scope, ready to send from. Raises NotFound for anything else.

    `recipients` are canonical.
    """
    parsed = parse_id(mailbox_id)
    if parsed is None or not actor.may_see(parsed):
        raise actor.no_mailbox(parsed)
    counters = _counters(parsed, actor.account.pk)
    rows = statements.run(
        READ,
        {
            "mailbox": parsed,
            "account": actor.account.pk,
            "key": actor.key.pk if actor.key else None,
            "agent": actor.agent.pk if actor.agent else None,
            "is_bound": actor.key is not None and bool(actor.key.ip_allowlist),
            "now": now,
            "recipients": [addresses.key_of_canonical(address) for address in recipients],
            "subjects": [counter.subject_id for counter in counters],
            "kinds": [counter.kind.value for counter in counters],
            "periods": [quotas.period_start(counter.kind, now) for counter in counters],
        },
    )
    if not rows:
        raise actor.no_mailbox(parsed)
    return _sender(rows[0], recipients)


def amount_of(draft: Draft) -> int:
    """What the draft takes of the limits of sending: each recipient once, or one where the operator counts messages."""
    return amount_of_recipients(len(draft.recipients()))


def amount_of_recipients(count: int) -> int:
    """What a message to so many takes of the limits of sending."""
    return 1 if settings.COUNT_SENDS_BY == "messages" else count


def _counters(mailbox_id: UUID, account_id: UUID) -> list[Counter]:
    return [*quotas.send_counters(mailbox_id, account_id), Counter(LimitKind.MONTHLY_INBOUND, account_id)]


def _sender(row: Sequence[Any], recipients: Sequence[str]) -> Sender:
    at_account, at_domain, at_rest = len(MAILBOX), len(MAILBOX) + len(ACCOUNT), len(MAILBOX + ACCOUNT + DOMAIN)
    mailbox = Mailbox.from_db("default", MAILBOX, row[:at_account])
    mailbox.account = Account.from_db("default", ACCOUNT, row[at_account:at_domain])
    mailbox.domain = Domain.from_db("default", DOMAIN, row[at_domain:at_rest])
    is_verified, is_key_good, suppressed, own_limits, used, live, stopped = row[at_rest:]
    return Sender(
        mailbox=mailbox,
        is_verified=is_verified,
        is_key_good=is_key_good,
        recipients=tuple(recipients),
        suppressed=tuple(suppressed) if suppressed else None,
        limits=quotas.defaults() | (own_limits or {}),
        used=used or {},
        rules=rule_sets.of_rows(live),
        stopped=tuple(stopped) if stopped else None,
    )


def _check_standing(mailbox: Mailbox, *, is_verified: bool) -> None:
    standing.check_not_suspended(mailbox.account)
    if mailbox.status == MailboxStatus.SUSPENDED:
        raise Forbidden(
            "This mailbox is suspended and may not send.", code="mailbox_suspended", fix="Write to support."
        )
    if mailbox.status != MailboxStatus.ACTIVE:
        raise Invalid(
            "This mailbox is paused and may not send.",
            code="mailbox_inactive",
            fix='PATCH /v1/mailboxes/{id} {"status": "ACTIVE"} wakes it.',
        )
    if not is_verified:
        raise standing.not_verified()
