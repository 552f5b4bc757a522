"""A person's second factor: codes of an authenticator app (TOTP), and recovery codes for when it is lost.

Rows and computing are allauth.mfa's. What a cache must not be trusted with stands in `CodeTries`: how many codes were
wrong in a row, and which one was used last.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.db import transaction
from django.utils.formats import date_format

from . import accounts, events
from .errors import Conflict, Forbidden, Invalid, LimitReached
from .models import Account, CodeTries, Member, Role, User

REASON_LENGTH = 200


class WrongCode(Forbidden):
    """No code of the person's app, none of their recovery codes, or one that was used before."""

    def __init__(self) -> None:
        super().__init__(
            "This code is not right.", code="wrong_code", fix="Each works once: wait for the next one of your app."
        )


class CodesLocked(LimitReached):
    """Too many wrong codes: none is looked at before `until`."""

    def __init__(self, until: datetime, *, now: datetime) -> None:
        wait = max(int((until - now).total_seconds()) + 1, 1)
        super().__init__(
            "Too many wrong codes.",
            code="codes_locked",
            fix=f"Try again after {date_format(until, 'H:i e')}.",
            headers={"Retry-After": str(wait)},
        )


def is_enrolled(user: User) -> bool:
    """Whether a code is asked for beside the password."""
    return user.second_factor_at is not None


def is_missing(user: User, account: Account) -> bool:
    """Whether the account wants a second factor of its members before they decide, and this one has none."""
    return account.requires_second_step and not is_enrolled(user)


def new_secret() -> str:
    """A secret for an authenticator app, in Base32. It opens nothing before `confirm` and `switch_on`."""
    secret: str = generate_totp_secret()
    return secret


def confirm(user: User, *, secret: str, code: str, now: datetime) -> None:
    """Take the first code of a new secret. Raises WrongCode, CodesLocked. Not for use inside a transaction."""
    _try(user, lambda tries: _takes(tries, code, secret=secret, now=now), now=now)


def switch_on(user: User, *, secret: str, now: datetime) -> list[str]:
    """Ask for codes of this secret from now on; the recovery codes, told this once.

    Ends the person's sessions: one that is to go on must be given the new hash in the same transaction, for its sockets
    look at once. The caller has just confirmed the secret. Raises Conflict (second_factor_on).
    """
    with transaction.atomic():
        # The row count says who was first.
        if not User.objects.filter(pk=user.pk, second_factor_at__isnull=True).update(second_factor_at=now):
            raise Conflict("Your second step is on already.", code="second_factor_on", fix="Switch it off first.")
        Authenticator.objects.filter(user=user).delete()
        TOTP.activate(user, secret)
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
        _record(user, "member.mfa_enabled", now=now)
    user.second_factor_at = now
    return codes


def check_code(user: User, code: str, *, now: datetime) -> None:
    """Take a code of the person's app, or one of their recovery codes: never the same twice.

    Raises WrongCode, and CodesLocked after SECOND_STEP_TRIES wrong ones in a row. Not for use inside a transaction: the
    count of what was wrong must stay whatever the caller does next.
    """
    _try(user, lambda tries: _is_right(user, tries, code, now=now), now=now)


def renew_recovery_codes(user: User, *, now: datetime) -> list[str]:
    """New recovery codes, told this once; the old ones open nothing any more."""
    with transaction.atomic():
        if not User.objects.select_for_update().filter(pk=user.pk, second_factor_at__isnull=False).exists():
            raise Conflict("There is no second step to recover.", code="second_factor_off", fix="Switch it on first.")
        Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
        _record(user, "member.recovery_codes_renewed", now=now)
    return codes


def recovery_codes_left(user: User) -> int:
    """How many recovery codes were not used yet."""
    found = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(found).get_unused_codes()) if found else 0


def switch_off(user: User, *, now: datetime) -> bool:
    """Ask this person for their password alone. The caller has just checked a code and the password.

    Ends the person's sessions, as `switch_on` does.
    """
    return _forget(user, "member.mfa_disabled", now=now)


def reset(user: User, *, by: str, reason: str, now: datetime) -> bool:
    """Take away a second factor that its person lost; False if there was none. An operator's act, with a reason."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH:
        raise Invalid(
            f"Say why, in up to {REASON_LENGTH} characters.", code="reason_required", fix="The person is told of it."
        )
    return _forget(user, "member.mfa_reset", by=by, reason=reason, now=now)


def require_of_members(member: Member, is_required: bool, *, now: datetime) -> bool:
    """Let only members with a second factor decide, or all again; False if it was so already.

    For owners, who have one themselves. Raises Forbidden (not_owner, second_step_missing).
    """
    if member.role != Role.OWNER:
        raise Forbidden("Only an owner sets this.", code="not_owner", fix="Ask an owner.")
    if is_required and not is_enrolled(member.user):
        raise Forbidden("Switch on your own second step first.", code="second_step_missing")
    with transaction.atomic():
        changed = Account.objects.filter(pk=member.account_id, requires_second_step=not is_required)
        if not changed.update(requires_second_step=is_required):
            return False
        data = {"by": f"member:{member.pk}", "is_required": is_required}
        events.record(
            member.account_id, "account.second_step_required", subject=str(member.account_id), data=data, now=now
        )
    member.account.requires_second_step = is_required
    return True


def _try(user: User, look: Callable[[CodeTries], bool], *, now: datetime) -> None:
    """Look at one code while nobody else looks at another of the person's, and count it if it was wrong."""
    CodeTries.objects.get_or_create(user=user)
    with transaction.atomic(durable=True):
        # FOR UPDATE: of two requests with the same code one finds it used.
        tries = CodeTries.objects.select_for_update().get(user=user)
        if tries.locked_until is not None and tries.locked_until > now:
            raise CodesLocked(tries.locked_until, now=now)
        is_right = look(tries)
        tries.wrong_count = 0 if is_right else tries.wrong_count + 1
        tries.locked_until = None
        if tries.wrong_count >= settings.SECOND_STEP_TRIES:
            tries.wrong_count = 0
            tries.locked_until = now + timedelta(minutes=settings.SECOND_STEP_LOCK_MINUTES)
            _record(user, "member.codes_locked", now=now)
        tries.save()
    if tries.locked_until is not None:
        raise CodesLocked(tries.locked_until, now=now)
    if not is_right:
        raise WrongCode()


def _is_right(user: User, tries: CodeTries, code: str, *, now: datetime) -> bool:
    found = {one.type: one for one in Authenticator.objects.filter(user=user)}
    app, recovery = found.get(Authenticator.Type.TOTP), found.get(Authenticator.Type.RECOVERY_CODES)
    if app is not None and _takes(tries, code, secret=decrypt(app.data["secret"]), now=now):
        app.record_usage()
        return True
    if recovery is None or not (codes := RecoveryCodes(recovery)).validate_code(code):
        return False
    codes.instance.record_usage()
    _record(user, "member.recovery_code_used", left=len(codes.get_unused_codes()), now=now)
    return True


def _takes(tries: CodeTries, code: str, *, secret: str, now: datetime) -> bool:
    """Whether it is a code of the time at hand, newer than the last one taken (RFC 6238 section 5.2)."""
    at_hand = int(now.timestamp()) // app_settings.TOTP_PERIOD
    tolerance = app_settings.TOTP_TOLERANCE
    for step in range(at_hand - tolerance, at_hand + tolerance + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            is_new, tries.last_step = step > tries.last_step, max(step, tries.last_step)
            return is_new
    return False


def _forget(user: User, kind: str, *, now: datetime, **facts: str) -> bool:
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, second_factor_at__isnull=False).update(second_factor_at=None):
            return False
        Authenticator.objects.filter(user=user).delete()
        CodeTries.objects.filter(user=user).delete()
        _record(user, kind, now=now, **facts)
    user.second_factor_at = None
    return True


def _record(user: User, kind: str, *, now: datetime, **facts: object) -> None:
    """Tell it in each account that the person belongs to; of an operator without one, in the house's own."""
    members = list(user.memberships.order_by("account_id"))
    for member in members:
        data = {"by": f"member:{member.pk}"} | facts | {"member_id": str(member.pk), "user_id": str(user.pk)}
        events.record(member.account_id, kind, subject=str(member.pk), data=data, now=now)
    if not members:
        data = {"by": "operator"} | facts | {"user_id": str(user.pk)}
        events.record(accounts.platform().account, kind, subject=str(user.pk), data=data, now=now)
