"""Rules that go for good: of a departed account, of a deleted mailbox. They name people."""

from __future__ import annotations

from mailboxes import statements
from mailboxes.erasure import Scope, Step, register

from .models import RuleSet

ERASE_VERSIONS = "SELECT oversight_erase_rule_sets(%(account)s, %(mailbox)s::uuid)"


def _rule_sets(scope: Scope, limit: int) -> int:
    mine = RuleSet.objects.filter(account_id=scope.account_id)
    if scope.mailbox_id is not None:
        mine = mine.filter(mailbox_id=scope.mailbox_id)
    if not mine.exists():
        return 0
    statements.run(ERASE_VERSIONS, {"account": scope.account_id, "mailbox": scope.mailbox_id})
    return mine.delete()[0]


register(Step("rule_sets", _rule_sets, of_mailbox=True))
