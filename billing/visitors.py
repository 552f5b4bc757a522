"""Who looks at a page about money: a member who set their own password, or an operator."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Q
from django.http import HttpRequest

from mailboxes.ids import parse_id
from mailboxes.models import Account, Member, User

ACCOUNT = "account"  # session key: the account that a member of several has chosen in the console


def find_member(user: User | AnonymousUser, *, session: SessionBase) -> Member | None:
    """A signed-in human in the account they chose, else in the first they joined; None for anybody else.

    Test data has no bill: whoever looks at it sees that of the account itself.
    """
    if not isinstance(user, User) or not user.is_active or not user.is_proven_human:
        return None
    members = list(
        Member.objects.filter(user=user, account__is_platform=False, account__test_of__isnull=True)
        .select_related("user", "account")
        .order_by("created_at", "id")
    )
    chosen = parse_id(session.get(ACCOUNT))
    of_chosen = Account.objects.filter(Q(pk=chosen) | Q(test_account=chosen)).values_list("pk", flat=True)
    accounts = set(of_chosen) if chosen else set()
    return next((member for member in members if member.account_id in accounts), next(iter(members), None))


def find_operator(request: HttpRequest) -> User | None:
    """The operator who is signed in, if one is."""
    user = request.user
    return user if isinstance(user, User) and user.is_active and user.is_staff else None
