"""Whether somebody may decide at all, where no single review is asked about."""

from __future__ import annotations

from mailboxes.errors import Forbidden
from mailboxes.models import Member, Scope
from mailboxes.principals import Principal


def check(actor: Principal) -> Member:
    """The member behind a console session or a decide key. Raises Forbidden for everybody else."""
    member = actor.member
    if member is None or Scope.DECIDE not in actor.scopes or not member.may_decide:
        raise Forbidden(
            "Only a reviewer of the account does this; a key that sends never does.",
            code="may_not_decide",
            fix="Use the console, or a member's decide key.",
        )
    if not member.user.is_proven_human:
        raise Forbidden(
            "Set your password on our own page first: the one from signup is known to an agent.",
            code="password_not_proven",
            fix="Open the link in the verification mail.",
        )
    return member
