"""What waits for an endpoint: how much, and since when the head of an ordered line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mailboxes import statements
from messaging.models import WebhookEndpoint

MOST_COUNTED = 1000

# One look along an index for each endpoint, however much waits there.
WAITING = """
SELECT asked.id, line.waiting, line.since
FROM unnest(%(ids)s::uuid[]) AS asked(id) CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, (array_agg(created_at ORDER BY event_seq))[1] AS since
    FROM (
        SELECT created_at, event_seq FROM messaging_webhookdelivery
        WHERE endpoint_id = asked.id AND status = 'PENDING' ORDER BY event_seq LIMIT %(most)s
    ) AS head
) AS line
"""


@dataclass(frozen=True, slots=True)
class Line:
    """`waiting` deliveries, MOST_COUNTED at most. `head_at`: when the first in an ordered line was made."""

    waiting: int
    head_at: datetime | None


def of(endpoints: Sequence[WebhookEndpoint]) -> dict[UUID, Line]:
    """The line of each endpoint, in one statement."""
    if not endpoints:
        return {}
    ordered = {one.pk for one in endpoints if one.is_ordered}
    rows = statements.run(WAITING, {"ids": [one.pk for one in endpoints], "most": MOST_COUNTED})
    return {pk: Line(waiting, since if pk in ordered else None) for pk, waiting, since in rows}
