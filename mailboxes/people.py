"""What an operator does to people: a password, a role, a way in that is closed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from . import events
from .errors import Invalid
from .models import Account, Member, Role, User


def set_password(user: User, password: str, *, by: str, now: datetime) -> None:
    """Give the user a password known to humans only: it opens console and decisions. Ends all their sessions."""
    user.set_password(password)
    user.password_set_at = now
    with transaction.atomic():
        user.save(update_fields=["password", "password_set_at"])
        _record(user, "member.password_set", by=by, now=now)


def set_active(user: User, is_active: bool, *, by: str, now: datetime) -> bool:
    """Let the user in or keep them out, with their decide keys; False if it was so already."""
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, is_active=not is_active).update(is_active=is_active):
            return False
        user.is_active = is_active
        _record(user, "member.activated" if is_active else "member.deactivated", by=by, now=now)
    return True


def change_role(member: Member, role: str, *, by: str, now: datetime) -> bool:
    """Give the member another role; False if it was theirs already. An account keeps one owner at least."""
    if role not in Role.values:
        raise Invalid("There is no such role.", code="invalid_role", fix=f"Use one of {', '.join(Role.values)}.")
    with transaction.atomic():
        # All of them locked in one order: two owners who step down at once must not both succeed.
        roles = dict(
            Member.objects.select_for_update()
            .filter(account_id=member.account_id)
            .order_by("pk")
            .values_list("pk", "role")
        )
        old = roles.pop(member.pk)
        if old == role:
            return False
        if old == Role.OWNER and Role.OWNER not in roles.values():
            raise Invalid(
                "This is the only owner of the account.", code="last_owner", fix="Make somebody else an owner first."
            )
        Member.objects.filter(pk=member.pk).update(role=role)
        member.role = role
        mirror(member)
        data = {"member_id": str(member.pk), "from": old, "to": role, "by": by}
        events.record(member.account_id, "member.role_changed", subject=str(member.pk), data=data, now=now)
    return True


def mirror(member: Member) -> None:
    """Give the member the same standing in the account's test account, if there is one."""
    twin = Account.objects.filter(test_of=member.account_id).first()
    if twin is not None:
        Member.objects.update_or_create(account=twin, user_id=member.user_id, defaults={"role": member.role})


def _record(user: User, kind: str, *, by: str, now: datetime) -> None:
    for member in user.memberships.order_by("account_id"):
        data = {"member_id": str(member.pk), "by": by}
        events.record(member.account_id, kind, subject=str(member.pk), data=data, now=now)
