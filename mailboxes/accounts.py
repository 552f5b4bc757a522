"""Accounts: signed up by an agent, verified by a human, and the platform's own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from . import addresses, clock, domains, events, keys, mailbox, people, tombstones
from .errors import Conflict, Gone, Invalid
from .models import Account, Agent, ApiKey, Domain, EventCounter, Limit, LimitKind, Mailbox, Member, Role, User
from .modes import OversightMode

SLUG = re.compile(r"^[a-z0-9](?:[a-z0-9-]{1,28})[a-z0-9]$")
# Role names of RFC 2142, our own paths, and names that could pass for the house.
# fmt: off
RESERVED_SLUGS = frozenset(
    {
        "abuse", "admin", "administrator", "api", "app", "billing", "bounce", "bounces", "complaint", "complaints",
        "console", "contact", "dashboard", "demo", "dkim", "dmarc", "docs", "email", "ftp", "gatepost", "help",
        "hostmaster", "info", "localhost", "mail", "mailer-daemon", "marketing", "news", "no-reply", "noc", "noreply",
        "operator", "owner", "platform", "postmaster", "privacy", "review", "robotomail", "root", "sales", "security",
        "smtp", "spam", "ssl", "status", "support", "sysadmin", "system", "test", "unsubscribe", "usenet", "uucp",
        "webmaster", "webhook", "webhooks", "www",
    }
)
# fmt: on
VERIFICATION_SALT = "gatepost.verify-email"
VERIFICATION_SECONDS = 7 * 24 * 3600
PLATFORM_SLUG = "platform"
PLATFORM_ADDRESS = "no-reply"


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a caller of signup sent. `email` is canonical already."""

    email: str
    password: str
    slug: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SignedUp:
    """What a signup made. `key_text` is shown once."""

    account: Account
    user: User
    key: ApiKey
    key_text: str
    mailbox: Mailbox


def sign_up(asked: SignUp, *, now: datetime) -> SignedUp:
    """A new account with owner, default agent, mailbox and full-access key. Asks the owner to verify the address.

    The password is known to an agent, so it proves no human: see `User.password_set_at`.
    """
    _check_slug(asked.slug)
    _check_signup_address(asked.email)
    check_password(asked.password)
    house = platform()
    user = User(email=asked.email, name=asked.name or asked.email.partition("@")[0])
    user.set_password(asked.password)
    with transaction.atomic():
        account, member = create(user, slug=asked.slug, now=now)
        agent = Agent.objects.create(account=account, name=asked.slug, is_default=True)
        box = mailbox.create(account, mailbox.NewMailbox(address=asked.slug, domain=house.domain, agent=agent), now=now)
        key, text = keys.create_agent_key(agent, name="default", now=now)
        request_verification(member, now=now)
    return SignedUp(account=account, user=user, key=key, key_text=text, mailbox=box)


def create(user: User, *, slug: str, name: str = "", now: datetime) -> tuple[Account, Member]:
    """A new account owned by a new user. Raises Conflict when slug or email is taken."""
    with transaction.atomic():
        if slug_state(slug) == "taken":
            raise Conflict("This slug is taken.", code="slug_taken", fix="Choose another slug.")
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict("This email has an account already.", code="email_taken", fix="Sign in instead.") from error
        try:
            with transaction.atomic():
                account = Account.objects.create(slug=slug, name=name or user.name)
        except IntegrityError as error:
            raise Conflict("This slug is taken.", code="slug_taken", fix="Choose another slug.") from error
        EventCounter.objects.create(account=account)
        member = Member.objects.create(user=user, account=account, role=Role.OWNER)
        events.record(account, "account.created", subject=str(account.pk), data={"slug": slug}, now=now)
    return account, member


def slug_state(slug: str) -> str:
    """`free`, `reserved` or `taken`. Raises Invalid for a malformed slug."""
    if not SLUG.fullmatch(slug):
        raise Invalid(
            "A slug has 3 to 30 of a-z, 0-9 and inner '-'.", code="invalid_slug", fix="Choose a slug of that form."
        )
    if slug in RESERVED_SLUGS:
        return "reserved"
    address = f"{slug}@{settings.PLATFORM_DOMAIN}"
    is_taken = Account.objects.filter(slug=slug).exists() or Mailbox.objects.filter(full_address=address).exists()
    return "taken" if is_taken or tombstones.is_laid(slug, address) else "free"


def request_verification(member: Member, *, now: datetime) -> None:
    """Ask for the verification mail. The event holds no token and no link; oversight hears it and writes the mail."""
    events.record(
        member.account_id,
        "account.verification_requested",
        subject=str(member.account_id),
        data={"user_id": str(member.user_id)},
        now=now,
    )


def verification_token(user: User) -> str:
    """A signed token that verifies the user's address once: it dies when the password or the address changes."""
    return signing.dumps({"user": str(user.pk), "state": _verification_state(user)}, salt=VERIFICATION_SALT)


def read_verification_token(token: str) -> User:
    """The user whom a token verifies. Raises Gone for a used, forged or old one."""
    over = Gone(
        "This link is no longer valid.", code="link_over", fix="Ask for a new one: POST /v1/auth/resend-verification."
    )
    try:
        content = signing.loads(token, salt=VERIFICATION_SALT, max_age=VERIFICATION_SECONDS)
        user = User.objects.get(pk=content["user"], is_active=True)
    except (signing.BadSignature, User.DoesNotExist, KeyError, TypeError, ValidationError) as error:
        raise over from error
    if content.get("state") != _verification_state(user):
        raise over
    return user


def verify_email(user: User, *, password: str | None, now: datetime) -> None:
    """Mark the user's address as verified. With `password`, a human set it on our own page: it replaces the old one."""
    if password is not None:
        check_password(password, user=user)
        user.set_password(password)
        user.password_set_at = now
    user.email_verified_at = user.email_verified_at or now
    with transaction.atomic():
        user.save(update_fields=["password", "password_set_at", "email_verified_at"])
        for member in user.memberships.order_by("account_id"):
            data = {"user_id": str(user.pk), "password_set": password is not None}
            events.record(
                member.account_id, "account.email_verified", subject=str(member.account_id), data=data, now=now
            )


def add_member(account: Account, *, email: str, password: str, role: str, now: datetime) -> Member:
    """A member added by an operator from the shell or the admin: a proven human with the password they were given."""
    user = User(email=email.lower(), name=email.partition("@")[0], email_verified_at=now, password_set_at=now)
    user.set_password(password)
    with transaction.atomic():
        user.save(force_insert=True)
        member = Member.objects.create(user=user, account=account, role=role)
        people.mirror(member)
        data = {"member_id": str(member.pk), "role": str(role)}
        events.record(account, "member.added", subject=str(member.pk), data=data, now=now)
    return member


@dataclass(frozen=True, slots=True)
class Platform:
    """The house itself: its account, domain, and the mailbox its own mail comes from."""

    account: Account
    domain: Domain
    mailbox: Mailbox


def platform() -> Platform:
    """The platform's account, domain and mailbox; made at the first call, with the domain's DKIM key."""
    return _find_platform() or _create_platform()


def domain_of(account: Account, *, now: datetime) -> Domain:
    """Where the account's mailboxes live unless they ask for a domain of their own."""
    house = platform()
    if not account.is_test:
        return house.domain
    with transaction.atomic():
        _lock_platform()
        found = Domain.objects.filter(account=house.account, is_test=True).first()
        return found or domains.create_test_domain(house.account, now=now)


def _find_platform() -> Platform | None:
    box = (
        Mailbox.objects.select_related("account", "domain", "agent")
        .filter(
            account__is_platform=True,
            domain__is_platform=True,
            domain__is_test=False,
            address=PLATFORM_ADDRESS,
            deleted_at__isnull=True,
        )
        .first()
    )
    return Platform(account=box.account, domain=box.domain, mailbox=box) if box else None


def _create_platform() -> Platform:
    with transaction.atomic():
        _lock_platform()
        if found := _find_platform():
            return found
        now = clock.now()
        account = Account.objects.create(slug=PLATFORM_SLUG, name="Gatepost", is_platform=True)
        EventCounter.objects.create(account=account)
        Limit.objects.bulk_create([Limit(account=account, kind=kind, amount=0) for kind in LimitKind])
        domain = domains.create_platform_domain(account, now=now)
        agent = Agent.objects.create(account=account, name="Gatepost", is_default=True)
        box = mailbox.create(
            account,
            mailbox.NewMailbox(
                address=PLATFORM_ADDRESS,
                domain=domain,
                agent=agent,
                display_name="Gatepost",
                mode=OversightMode.AUTONOMOUS,
            ),
            now=now,
        )
    return Platform(account=account, domain=domain, mailbox=box)


def _lock_platform() -> None:
    """Until the end of the transaction: two first starts at once make one platform."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('gatepost.platform'))")


def check_password(password: str, *, user: User | None = None) -> None:
    """Refuse weak passwords with the validators' own words."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            " ".join(error.messages), code="weak_password", fix="Use at least 8 characters that are hard to guess."
        ) from error
    if len(password) > 1000 or "\x00" in password:
        raise Invalid("This password is too long.", code="weak_password", fix="Use at most 1,000 characters.")


def _check_slug(slug: str) -> None:
    state = slug_state(slug)
    if state == "reserved":
        raise Conflict("This slug is reserved.", code="slug_taken", fix="Choose another slug.")
    if state == "taken":
        raise Conflict("This slug is taken.", code="slug_taken", fix="Choose another slug.")


def _check_signup_address(email: str) -> None:
    if addresses.is_ours(email.rpartition("@")[2]):
        raise Invalid(
            "This address is delivered by this server, so it can't prove that a human stands behind the account.",
            code="own_domain",
            fix="Sign up with the address of a human elsewhere.",
        )


def _verification_state(user: User) -> str:
    # Password hash and address: a token dies with the first use (which sets the password) and with any change.
    return hashlib.sha256(f"{user.password} {user.email} {user.email_verified_at}".encode()).hexdigest()[:32]
