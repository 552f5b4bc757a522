"""Claims whose worker is gone: their lease ends at once, and the reaper takes them back by its own rule.

Whom a claim belongs to is told by the session that wrote it (`Attempt.session`): the server since its last start, and
the number of the session there. A server that was started anew, or another one that took over, knows none of them.

Why that doubles nothing, though a session may be lost while its process lives:
- No mark, no body. The process, by whatever connection it has then, marks only an attempt that is still `started`
  (`marks.MARK`); one that was taken back is finished. Whichever of the two comes second finds the row so.
- What is marked is left to its lease: nobody may send it again anyway, and a process that lives may bring the answer.
- What is answered ends as was noted, whoever writes it.
- After a crash of the server, marks may be lost and every session is: what was claimed before it is left to its lease.

What can't be told is taken for alive, and waits for its lease: a session number that was given anew, a worker whose
machine lost its power (until the server misses it), a pooler's connection that outlives its client.
"""

from __future__ import annotations

from datetime import datetime

from mailboxes import statements

from .outcomes import LAST_CRASH

# Sessions of other roles are listed too, with their numbers. In the order of FINISH, and around what somebody works at.
END_LEASES = f"""
UPDATE messaging_attempt SET lease_until = %(now)s - interval '1 microsecond'
WHERE id IN (
    SELECT t.id FROM messaging_attempt t
    WHERE t.finished_at IS NULL AND t.phase IN ('started', 'answered') AND t.lease_until >= %(now)s
        AND t.started_at > ({LAST_CRASH})
        AND split_part(t.session, '.', 1) = extract(epoch FROM pg_postmaster_start_time())::bigint::text
        AND split_part(t.session, '.', 2) NOT IN (SELECT pid::text FROM pg_stat_activity)
    ORDER BY t.recipient_id FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id
"""  # noqa: S608 - ours


def end_leases(*, now: datetime) -> int:
    """End the leases of claims whose session is gone, and say how many."""
    return len(statements.run(END_LEASES, {"now": now}))
