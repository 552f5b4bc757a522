"""What a mailbox has done with the trust that it has: people's decisions and what became of its sends, counted anew.

Of the newest TRUST_READ_MOST of each within TRUST_DAYS, and since its present mode began: what happened on one rung
says nothing for the rung after the next. No counter is kept, so none can drift.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from mailboxes import statements
from mailboxes.modes import OversightMode

# What speaks for a mailbox counts only where its mode held it: what a rule holds at every rung, however often it was
# approved, says nothing of what would leave at a freer one. What speaks against it counts wherever. Mail that a person
# wrote is not the agent's; what the author cancelled was decided by nobody.
# LIMIT 1 and OFFSET 0 keep the planner from reading whole tables for the few rows that a mailbox has, and MATERIALIZED
# from asking for the mailboxes again, whatever it believes of how many there are.
DECIDED = """
    SELECT count(*) FILTER (WHERE state = 'approved' AND NOT is_edited AND is_of_mode)::int AS clean,
        count(*) FILTER (WHERE state = 'approved' AND is_edited)::int AS edited,
        count(*) FILTER (WHERE state = 'returned')::int AS returned,
        count(*) FILTER (WHERE state = 'rejected')::int AS rejected,
        count(*) FILTER (WHERE state = 'expired')::int AS expired,
        count(DISTINCT decided_at::date) FILTER (WHERE state <> 'expired')::int AS decided_days,
        (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM decided_at - opened_at))
            FILTER (WHERE state <> 'expired'))::int AS median
    FROM (
        SELECT r.state, r.opened_at, r.decided_at, r.reason_code = b.mode AS is_of_mode, (
            SELECT d.kind FROM oversight_decision d WHERE d.review_id = r.id AND d.kind = 'edit' LIMIT 1
        ) IS NOT NULL AS is_edited
        FROM (
            SELECT id, message_id, state, opened_at, decided_at, reason_code FROM oversight_review
            WHERE mailbox_id = b.id AND decided_at >= b.since AND decided_at IS NOT NULL AND state <> 'cancelled'
            ORDER BY decided_at DESC LIMIT %(most)s
        ) r, LATERAL (
            SELECT direction, member_id FROM messaging_message WHERE id = r.message_id LIMIT 1
        ) m
        WHERE m.direction = 'OUTBOUND' AND m.member_id IS NULL
    ) counted
"""
SENT = """
    SELECT count(*) FILTER (WHERE r.state IN ('sent', 'delivered', 'bounced', 'complained'))::int AS sent,
        count(*) FILTER (WHERE r.state = 'bounced')::int AS bounced,
        count(*) FILTER (WHERE r.state = 'complained')::int AS complained,
        count(DISTINCT m.created_at::date) FILTER (WHERE r.state IN ('sent', 'delivered'))::int AS sent_days
    FROM (
        SELECT id, member_id, created_at FROM messaging_message
        WHERE mailbox_id = b.id AND direction = 'OUTBOUND' AND withheld_at IS NULL AND created_at >= b.since
        ORDER BY created_at DESC, id DESC LIMIT %(most)s
    ) m, LATERAL (SELECT state FROM messaging_recipient WHERE message_id = m.id OFFSET 0) r
    WHERE m.member_id IS NULL
"""
LATELY = """
    SELECT (
        SELECT max(settled_at) FROM oversight_demotion WHERE mailbox_id = b.id AND is_done
    ) AS demoted_at, (
        SELECT json_object_agg(to_mode, at) FROM (
            SELECT to_mode, max(ended_at) AS at FROM oversight_suggestion
            WHERE mailbox_id = b.id AND state = 'declined' AND ended_at > %(declined_since)s GROUP BY to_mode
        ) declined
    ) AS declined, (
        SELECT created_at FROM messaging_message
        WHERE mailbox_id = b.id AND direction = 'OUTBOUND' AND withheld_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 1
    ) AS last_send
"""
READ = f"""
WITH boxes AS MATERIALIZED (
    SELECT b.id, b.mode, coalesce(b.mode_since, b.created_at) AS term_since,
        greatest(%(since)s, b.mode_since, b.created_at) AS since,
        b.status = 'ACTIVE' AND a.suspended_at IS NULL AS is_sending
    FROM mailboxes_mailbox b JOIN mailboxes_account a ON a.id = b.account_id WHERE b.id = ANY(%(mailboxes)s)
)
SELECT b.id, b.mode, b.since, b.term_since, b.is_sending, decided.*, sent.*, lately.*
FROM boxes b, LATERAL ({DECIDED}) decided, LATERAL ({SENT}) sent, LATERAL ({LATELY}) lately
"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Numbers:
    """Decisions of people by how they ended, and recipients by what became of their copies. Times in seconds.

    CLEAN was approved as the agent wrote it. SENT are all that the next hop took, later bounces and complaints too.
    """

    clean: int = 0
    edited: int = 0
    returned: int = 0
    rejected: int = 0
    expired: int = 0
    decided_days: int = 0
    median_seconds: int | None = None
    sent: int = 0
    bounced: int = 0
    complained: int = 0
    sent_days: int = 0

    @property
    def decided(self) -> int:
        return self.clean + self.changed + self.rejected

    @property
    def changed(self) -> int:
        """What people did not let leave as it was written: edited, or given back."""
        return self.edited + self.returned

    def as_json(self) -> dict[str, int | None]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """One mailbox's, since `since`; `term_since` is when it got its present mode. `declined` are the modes that a
    person has declined of late."""

    mailbox_id: UUID
    mode: OversightMode
    since: datetime
    term_since: datetime
    is_sending: bool
    numbers: Numbers
    demoted_at: datetime | None
    declined: frozenset[str]
    last_send_at: datetime | None


def of(mailbox_ids: Collection[UUID], *, now: datetime, most: int | None = None) -> dict[UUID, TrackRecord]:
    """The track records of these mailboxes, by one statement; of the newest `most` alone, for lists."""
    if not mailbox_ids:
        return {}
    asked = {
        "mailboxes": list(mailbox_ids),
        "since": now - timedelta(days=settings.TRUST_DAYS),
        "most": most or settings.TRUST_READ_MOST,
        "declined_since": now - timedelta(days=settings.TRUST_DECLINED_DAYS),
    }
    rows = statements.run(READ, asked)
    return {
        pk: TrackRecord(
            mailbox_id=pk,
            mode=OversightMode(mode),
            since=since,
            term_since=term_since,
            is_sending=is_sending,
            numbers=Numbers(*counted),
            demoted_at=demoted_at,
            declined=frozenset(declined or ()),
            last_send_at=last_send_at,
        )
        for pk, mode, since, term_since, is_sending, *counted, demoted_at, declined, last_send_at in rows
    }
