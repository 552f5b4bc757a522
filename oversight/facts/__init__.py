"""What the policy needs to know of a message, gathered once: of a send before it is stored, of stored mail afterwards.

What costs nothing is always told, and so is our own key in the text (`secrets` then names `own_key` alone). Everything
else is read only where `needs` names its field of Facts; the others stay None. Of what answers nothing,
`outside_thread`, `redirected` and `is_parent_authenticated` are None too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from mailboxes.models import Mailbox
from mailboxes.modes import OversightMode
from messaging.models import Message
from messaging.outbound.drafts import Composed
from oversight.policy.detect.material import FileContent
from oversight.policy.types import Facts, File

from . import answers, history, stored
from .answers import Setting
from .questions import Question

NOTHING: frozenset[str] = frozenset()
# Asked of every reply, whatever the rules: two programs that answer each other are stopped by what is built in.
OF_REPLY = frozenset({"thread_sends_hour"})


def gather(
    composed: Composed, *, mailbox: Mailbox, mode: OversightMode, needs: frozenset[str] = NOTHING, now: datetime
) -> Facts:
    """The facts of a message that is about to be stored. `mode` is the one that applies to it.

    Reads at most one statement, none where `needs` asks for nothing of the database. Where it asks for counts or for
    duplicates the mailbox is locked before that (a second statement) until the caller's transaction ends: of sends at
    once each sees those before it.
    """
    question = Question.of_composed(composed, now=now)
    needs |= _of_replies([composed.message])
    if needs & history.COUNTED:
        history.lock(mailbox.pk)
    (told,) = history.ask([question], account_id=mailbox.account_id, needs=needs)
    setting = Setting(
        mode=mode,
        mailbox=mailbox,
        mailbox_mode=OversightMode(mailbox.mode),
        files=tuple(File(one.filename, one.content_type, len(one.content), one.sha256) for one in composed.files),
        contents=tuple(FileContent(one.filename, one.content) for one in composed.files),
    )
    return answers.facts(question, setting, told, needs=needs)


def gather_past(messages: Sequence[Message], *, needs: frozenset[str], at: datetime | None = None) -> list[Facts]:
    """The facts of stored messages of one account, in their order, as the world stood when each was asked to leave.

    With `at`, as the world stands now: whoever looks at held mail again gives the present moment, and locks nothing. A
    fixed number of statements for any number of messages; memory grows with their bodies, so give a few hundred at a
    time. What is not known of the past: when a message without a review was cancelled (it then never counted).
    """
    if not messages:
        return []
    asked = stored.read(messages, at=at)
    if at is None:  # who looks at held mail again has people's word on it: the breaker has done its part
        needs |= _of_replies(messages)
    told = history.ask([one.question for one in asked], account_id=messages[0].account_id, needs=needs)
    return [
        answers.facts(one.question, one.setting, known, needs=needs) for one, known in zip(asked, told, strict=True)
    ]


def _of_replies(messages: Sequence[Message]) -> frozenset[str]:
    is_asked = settings.THREAD_SENDS_PER_HOUR and any(message.in_reply_to is not None for message in messages)
    return OF_REPLY if is_asked else NOTHING
