"""The mark "bytes may have left": durable before the body begins, and refused when the mail must stay.

The commit does not wait for the disk: a killed worker loses nothing by that, since the server lives on. When the server
itself crashes, an attempt without a mark may have lost it; `reaper` knows.
"""

from __future__ import annotations

from mailboxes import statements, switch
from messaging.faultpoints import faultpoint

from . import standing
from .answers import Answers
from .mail import Mail, load
from .outcomes import LEASE, Halt, OutcomeKind

# FOR SHARE on the account, and the gate: a stop that has committed is seen, one that commits later waits for this mark
# and finds the body on its way. The generation is told along: it is the worker's look for the mails that come next.
# A suppression takes no lock: one that commits while this statement runs may be missed, as one right after it is.
# The answer to the mail before is noted in the same round trip: a worker's death loses one answer, not a batch.
MARK = f"""
WITH gate AS ({switch.GATE}), open_account AS (
    SELECT a.id
    FROM mailboxes_account a JOIN mailboxes_mailbox b ON b.account_id = a.id
    WHERE b.id = %(mailbox)s
        AND a.stopped_at IS NULL AND a.suspended_at IS NULL AND {switch.EVERYTHING_GOES}
        AND {switch.of("a", "%(mailbox)s", "%(agent)s", "%(key)s")}
        AND b.status = 'ACTIVE' AND b.mode <> 'read_only' AND b.deleted_at IS NULL
    FOR SHARE OF a
), marked AS (
    UPDATE messaging_attempt t
    SET phase = 'data', data_at = clock_timestamp(),
        lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM open_account
    WHERE t.id = %(attempt)s AND t.phase = 'started'
        AND NOT EXISTS (
            SELECT 1 FROM messaging_suppression s
            WHERE s.account_id = open_account.id AND s.key = %(suppression_key)s
        )
    RETURNING t.id
), noted AS (
    UPDATE messaging_attempt t
    SET phase = 'answered', outcome = %(outcome)s, code = %(code)s, text = %(text)s
    WHERE t.id = %(answered)s AND t.phase = 'data'
)
SELECT EXISTS (SELECT 1 FROM marked), {switch.GENERATION}, set_config('synchronous_commit', 'off', true)
"""  # noqa: S608 - ours


def mark(mail: Mail, *, answers: Answers) -> None:
    """Make "bytes may have left" durable. Raises Halt when they may not: stopped, suppressed, or taken over."""
    faultpoint("smtp.before_data_mark")
    if not _mark(mail, answers):
        standing.check(load([mail])[0])
        raise Halt(OutcomeKind.WITHDRAWN, "superseded", "Another worker has taken this recipient over.")
    faultpoint("smtp.after_data_mark")


def _mark(mail: Mail, answers: Answers) -> bool:
    answered, outcome = answers.unnoted or (None, None)
    ((is_marked, generation, _),) = statements.run(
        MARK,
        {
            "mailbox": mail.mailbox_id,
            "agent": mail.agent_id,
            "key": mail.key_id,
            "attempt": mail.pk,
            "lease": LEASE.total_seconds(),
            "suppression_key": mail.suppression_key,
            "answered": answered and answered.pk,
            "outcome": outcome and outcome.kind.value,
            "code": outcome and outcome.short_code,
            "text": outcome and outcome.text,
        },
    )
    answers.lookout.saw(generation)
    answers.is_noted(in_hand=mail if is_marked else None)
    return bool(is_marked)
